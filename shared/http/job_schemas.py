"""The request parameters and response models of jobs."""

from dataclasses import asdict
from datetime import date, datetime
from typing import Annotated, Self

from fastapi import Header, Path
from pydantic import BaseModel, ConfigDict, Field

from shared.domain.job import Job, State
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


class StageTimes(BaseModel):
    """Milliseconds in each stage, summed over the slices loaded so far; in the extractor the time
    of waiting for samples.
    """

    extract_ms: float
    aggregate_ms: float
    load_ms: float


class JobOut(BaseModel):
    """A job of the ledger."""

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
    windows: int = Field(description="Windows with a value, counted per asset")
    coverage: float | None = Field(description="Samples read divided by samples expected")
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
        """The response for a job. Fields of the same name are copied."""
        values = asdict(job) | {
            "start": job.first_day,
            "end": job.last_day,
            "assets": [asset for asset in job.assets if asset],
            "window_s": job.spec.window_s,
            "coverage": job.coverage,
            "note": _note(job),
        }
        if job.state == "done":  # then a dead-lettered copy of a slice does not matter
            values |= {"reason": None, "error": None}
        slices = values | {"total": job.slices_total, "done": job.loaded}
        return cls.model_validate(values | {"slices": slices, "took": values})


class JobList(BaseModel):
    """The newest jobs first; `next` is the `before` of the next page."""

    jobs: list[JobOut]
    next: int | None


def _note(job: Job) -> str | None:
    if job.state == "done" and not job.windows:
        return "done with 0 windows: the source has no samples there"
    if job.state == "done" and job.superseded:
        return f"a newer job had loaded windows of {job.superseded} of {job.loaded} slices before"
    return None
