"""How a job is asked for and looks over HTTP."""

from datetime import date, datetime
from typing import Annotated, Self

from fastapi import Header, Path
from pydantic import BaseModel, ConfigDict, Field

from shared.domain.job import Job, State
from shared.http.problem_details import headers

MAX_PAGE = 500
LOCATION = headers({"Location": "Where the job is found from now on: `/jobs/{id}`"})

JobId = Annotated[int, Path(ge=1, le=2**63 - 1)]
IdempotencyKey = Annotated[
    str | None,
    Header(
        alias="Idempotency-Key",
        min_length=1,
        max_length=200,
        pattern=r"^[\x21-\x7e]+$",
        description="The same key and body again is answered with the first job",
    ),
]


class JobsQuery(BaseModel):
    """Which jobs to list."""

    model_config = ConfigDict(extra="forbid")

    state: State | None = None
    before: int | None = Field(None, ge=1, le=2**63 - 1, description="`next` of a page before")
    limit: int = Field(50, ge=1, le=MAX_PAGE)


class SliceCounts(BaseModel):
    """How far the job is; `total` is unknown until it has started."""

    total: int | None
    published: int
    done: int
    superseded: int = Field(description="A newer job had loaded some of these windows before")


class StageTimes(BaseModel):
    """Milliseconds that the slices loaded so far took in each stage, added up; in the extractor,
    of waiting for their samples.
    """

    extract_ms: float
    aggregate_ms: float
    load_ms: float


class JobOut(BaseModel):
    """A job, as the ledger has it."""

    id: int
    state: State
    start: date
    end: date
    timezone: str
    variables: tuple[str, ...]
    assets: tuple[str, ...]
    window_s: int
    slices: SliceCounts
    rows: int = Field(description="Samples read")
    windows: int = Field(description="Windows with a value, per asset")
    coverage: float | None = Field(description="Samples found over samples expected")
    took: StageTimes
    created_at: datetime
    started_at: datetime | None
    progressed_at: datetime | None
    reason: str | None
    error: str | None
    note: str | None
    trace: str

    @classmethod
    def of(cls, job: Job) -> Self:
        return cls(
            id=job.id,
            state=job.state,
            start=job.first_day,
            end=job.last_day,
            timezone=job.timezone,
            variables=job.variables,
            assets=tuple(asset for asset in job.assets if asset),
            window_s=job.spec.window_s,
            slices=SliceCounts(
                total=job.slices_total,
                published=job.published,
                done=job.loaded,
                superseded=job.superseded,
            ),
            rows=job.rows,
            windows=job.windows,
            coverage=job.coverage,
            took=StageTimes(
                extract_ms=job.extract_ms, aggregate_ms=job.aggregate_ms, load_ms=job.load_ms
            ),
            created_at=job.created_at,
            started_at=job.started_at,
            progressed_at=job.progressed_at,
            # That a copy of a slice died does not matter once the job is done.
            reason=None if job.state == "done" else job.reason,
            error=None if job.state == "done" else job.error,
            note=_note(job),
            trace=job.trace,
        )


class JobList(BaseModel):
    """The newest jobs first; `next` is the `before` of the page that follows."""

    jobs: list[JobOut]
    next: int | None


def _note(job: Job) -> str | None:
    if job.state == "done" and not job.windows:
        return "done with 0 windows: the source has no samples there"
    if job.state == "done" and job.superseded:
        return f"a newer job had loaded windows of {job.superseded} of {job.loaded} slices before"
    return None
