"""`/api/jobs`: jobs, as the extractor that owns them answers; and one for the last days."""

from collections.abc import AsyncIterator
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query
from fastapi.sse import EventSourceResponse, ServerSentEvent
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import Response

from services.dashboard.api import proxy
from services.dashboard.dependencies import Deps
from services.dashboard.jobs.last_days import last_days
from services.dashboard.web.server_sent_events import ENDED, Fragments
from shared.domain.job import Job
from shared.domain.job_request import MAX_DAYS, JobRequest
from shared.http.app import require_json
from shared.http.job_schemas import LOCATION, IdempotencyKey, JobId, JobList, JobOut, JobsQuery
from shared.http.problem_details import openapi_responses
from shared.http.query_params import Whole

ACCEPTED: dict[int | str, dict[str, Any]] = {
    200: {"model": JobOut, "description": "The job that had this key before", "headers": LOCATION},
    202: {"model": JobOut, "headers": LOCATION},
    **openapi_responses(409, 413, 415, 422, 503),
}

LOOK_EVERY_S = 0.5

router = APIRouter(prefix="/api", tags=["jobs"])


class LastDays(BaseModel):
    """How many."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"days": 7}]})

    days: Whole = Field(ge=1, le=MAX_DAYS)


@router.get("/jobs", response_model=JobList, responses=openapi_responses(422, 503))
def listed(deps: Deps, query: Annotated[JobsQuery, Query()]) -> Response:
    """The newest jobs first."""
    asked = query.model_dump(exclude_none=True)
    return proxy.forward(deps.extractor.client, "GET", "/jobs", params=asked)


@router.post(
    "/jobs",
    status_code=202,
    response_model=JobOut,
    responses=ACCEPTED,
    dependencies=[Depends(require_json)],
)
def create(deps: Deps, job: JobRequest, key: IdempotencyKey = None) -> Response:
    """Ask for one date, or a range of dates, of some variables of some assets."""
    return _posted(deps, job.model_dump(mode="json", exclude_unset=True), key)


@router.post(
    "/run-etl",
    status_code=202,
    response_model=JobOut,
    responses=ACCEPTED,
    dependencies=[Depends(require_json)],
)
def run_etl(deps: Deps, asked: LastDays, key: IdempotencyKey = None) -> Response:
    """Ask for the last days of the source: one job up to the day of its newest sample. A key stands
    for these days: once the source has begun another one, the same key is a 409.
    """
    first, last = last_days(deps, asked.days)
    return _posted(deps, {"start": first.isoformat(), "end": last.isoformat()}, key)


def _posted(deps: Deps, asked: dict[str, Any], key: str | None) -> Response:
    headers = {"Idempotency-Key": key} if key else {}
    return proxy.forward(deps.extractor.client, "POST", "/jobs", json=asked, headers=headers)


@router.get("/jobs/{id}", response_model=JobOut, responses=openapi_responses(404, 422, 503))
def one(deps: Deps, id: JobId) -> Response:
    """One job as it stands."""
    return proxy.forward(deps.extractor.client, "GET", f"/jobs/{id}")


def _known(deps: Deps, id: JobId) -> Job:
    return deps.ledger.job(id)


@router.get(
    "/jobs/{id}/events",
    response_class=EventSourceResponse,
    responses=openapi_responses(404, 422, 503),
)
async def events(
    deps: Deps, job: Annotated[Job, Depends(_known)]
) -> AsyncIterator[ServerSentEvent]:
    """The job each time it changes, as the event `job`; at its end `ended`, with its state."""

    def look() -> Fragments:
        found = deps.ledger.job(job.id)
        told = {"job": JobOut.of(found).model_dump_json()}
        return told | ({ENDED: found.state} if found.is_ended else {})

    async for event in deps.event_streams.events(look, every_s=LOOK_EVERY_S):
        yield event


@router.post(
    "/jobs/{id}/cancel", response_model=JobOut, responses=openapi_responses(404, 409, 422, 503)
)
def cancel(deps: Deps, id: JobId) -> Response:
    """Stop a job that has not ended; what it has loaded stays."""
    return proxy.forward(deps.extractor.client, "POST", f"/jobs/{id}/cancel")


@router.post(
    "/jobs/{id}/retry",
    status_code=202,
    response_model=JobOut,
    responses=openapi_responses(404, 409, 422, 503),
)
def retry(deps: Deps, id: JobId) -> Response:
    """Take up a failed or cancelled job again; only its missing slices are extracted."""
    return proxy.forward(deps.extractor.client, "POST", f"/jobs/{id}/retry")
