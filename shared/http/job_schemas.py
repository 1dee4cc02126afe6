"""The request parameters and response models of jobs."""

from dataclasses import asdict
from datetime import date, datetime
from typing import Annotated, Literal, Self

from fastapi import Header, Path
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from shared.domain.actor import Channel
from shared.domain.job import JobSummary, State
from shared.domain.job_request import Only
from shared.domain.spec import EXCESS, Statistic
from shared.domain.waiting import Waiting
from shared.http.problem_details import headers

MAX_PAGE = 500
LOCATION = headers({"Location": "The path of the job: `/jobs/{id}`"})

JobId = Annotated[int, Path(ge=1, le=2**63 - 1)]
IdempotencyKey = Annotated[
    str | None,
    Header(
        alias="Idempotency-Key",
        min_length=1,
        max_length=200,
        pattern=r"^[\x21-\x7e]+$",
        description="A repeated request with the same key and body returns the first job",
    ),
]


def _named(assets: tuple[str, ...]) -> tuple[str, ...]:
    """Without the asset of a source that has no assets."""
    return tuple(filter(None, assets))


class JobsQuery(BaseModel):
    """Filter and page of a list of jobs."""

    model_config = ConfigDict(extra="forbid")

    state: State | None = None
    before: int | None = Field(None, ge=1, le=2**63 - 1, description="`next` of the previous page")
    limit: int = Field(50, ge=1, le=MAX_PAGE)


class SliceCounts(BaseModel):
    """The progress of the job; `total` is null until the job has started."""

    total: int | None
    published: int
    done: int
    superseded: int = Field(description="Slices with windows that a newer job had already loaded")
    unchanged: int = Field(description="Slices that were not computed, with `only` = `changed`")


class StageTimes(BaseModel):
    """Milliseconds in each stage, summed over the slices loaded so far; in the extractor the time
    of waiting for samples.
    """

    extract_ms: float
    aggregate_ms: float
    load_ms: float


class WaitingOut(BaseModel):
    """Why an open job makes no progress."""

    model_config = ConfigDict(populate_by_name=True, serialize_by_alias=True)

    what: str = Field(alias="for", description="What the job waits for, in one sentence")
    since: datetime
    error: str | None = Field(description="The last error of what it waits for")
    tries: int = Field(description="How often that was tried since then; 0 if nothing is tried")

    @classmethod
    def of(cls, waiting: Waiting) -> Self:
        """The response for a reason."""
        return cls(what=str(waiting), since=waiting.since, error=waiting.error, tries=waiting.tries)


class JobSummaryOut(BaseModel):
    """A job in a list. `asset_count` is the number of its assets: 0 if the source has no assets,
    or until a job for all assets has started. `GET /jobs/{id}` names them.
    """

    id: int
    state: State
    start: date
    end: date
    timezone: str
    variables: tuple[str, ...]
    asset_count: int
    window_s: int
    statistics: tuple[Statistic, ...]
    only: Only | None
    republished: int = Field(
        description="How often the streams lost the job, and it was published again, since a slice "
        "was loaded"
    )
    slices: SliceCounts
    rows: int = Field(description="Samples read")
    windows: int = Field(description="Windows with a value, counted per asset")
    coverage: float | None = Field(description="Samples read divided by samples expected")
    took: StageTimes
    created_at: datetime
    started_at: datetime | None
    progressed_at: datetime | None
    reason: str | None
    error: str | None
    note: str | None
    waiting: WaitingOut | None = Field(
        description="Set if the job is open and has made no progress for some seconds"
    )
    trace: str

    @classmethod
    def of(cls, job: JobSummary, waiting: Waiting | None = None) -> Self:
        """The response for a job. Fields of the same name are copied."""
        values = asdict(job) | {
            "start": job.first_day,
            "end": job.last_day,
            "window_s": job.spec.window_s,
            "statistics": job.spec.statistics,
            "coverage": job.coverage,
            "note": _note(job),
            "only": "changed" if job.only_changed else None,
            "waiting": WaitingOut.of(waiting) if waiting else None,
        }
        if job.state == "done":  # then a dead-lettered copy of a slice does not matter
            values |= {"reason": None, "error": None}
        slices = values | {"total": job.slices_total, "done": job.loaded}
        return cls.model_validate(values | {"slices": slices, "took": values})


class JobOut(JobSummaryOut):
    """A job of the ledger."""

    assets: Annotated[tuple[str, ...], BeforeValidator(_named)]


class JobList(BaseModel):
    """The newest jobs first; `next` is the `before` of the next page."""

    jobs: list[JobSummaryOut]
    next: int | None


class JobActionOut(BaseModel):
    """What somebody did with a job or with one of its dead letters."""

    at: datetime
    action: Literal["request", "cancel", "retry", "replay", "drop"]
    actor: str = Field(description="Who asked, as far as the service knows; not verified")
    channel: Channel = Field(description="How the request came in")
    dead_letter_id: str | None


def _note(job: JobSummary) -> str | None:
    if job.expected and job.present > EXCESS * job.expected:
        return (
            f"warning: {job.present / job.expected:.3g} times as many samples as expected; set "
            f"MINUANO_SAMPLING_PERIOD_S, now {job.spec.period_s:g} s, to that of the source"
        )
    if job.state == "done" and not job.windows:
        return "done with 0 windows: the source has no samples there"
    if job.pruned_at:
        return f"slices that newer jobs have replaced were pruned on {job.pruned_at:%Y-%m-%d}"
    if job.state == "done" and job.superseded:
        return f"a newer job had loaded windows of {job.superseded} of {job.loaded} slices before"
    return None
