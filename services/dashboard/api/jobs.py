"""`/api/jobs`: jobs, answered by the extractor; `/api/run-etl`: a job for the last days."""

from collections.abc import AsyncIterator
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query
from fastapi.sse import EventSourceResponse, ServerSentEvent
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import Response

from services.dashboard.api import proxy
from services.dashboard.dependencies import Deps
from services.dashboard.web.server_sent_events import ENDED, Fragments
from shared.domain.actor import Actor
from shared.domain.job import Job
from shared.domain.job_request import MAX_DAYS, JobRequest
from shared.domain.time_range import ONE_DAY
from shared.errors import Conflict
from shared.http.actor_header import ActorDep
from shared.http.app import require_json
from shared.http.job_schemas import (
    LOCATION,
    IdempotencyKey,
    JobActionOut,
    JobId,
    JobList,
    JobOut,
    JobsQuery,
)
from shared.http.problem_details import openapi_responses
from shared.http.query_params import Whole

POLL_S = 0.5

router = APIRouter(prefix="/api", tags=["jobs"])
JOB_POST: dict[str, Any] = {
    "status_code": 202,
    "response_model": JobOut,
    "dependencies": [Depends(require_json)],
    "responses": {
        200: {"model": JobOut, "description": "The job with this key exists", "headers": LOCATION},
        202: {"model": JobOut, "headers": LOCATION},
        **openapi_responses(409, 413, 415, 422, 503),
    },
}


class LastDays(BaseModel):
    """A number of days."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"days": 7}]})

    days: Whole = Field(ge=1, le=MAX_DAYS)


@router.get("/jobs", response_model=JobList, responses=openapi_responses(422, 503))
def list_jobs(deps: Deps, query: Annotated[JobsQuery, Query()]) -> Response:
    """The jobs, newest first."""
    params = query.model_dump(exclude_none=True)
    return proxy.forward(deps.extractor, "GET", "/jobs", params=params)


@router.post("/jobs", **JOB_POST)
def create(deps: Deps, job: JobRequest, by: ActorDep, key: IdempotencyKey = None) -> Response:
    """Request a job: one date or a range of dates, some variables, some assets."""
    return _post_job(deps, job.model_dump(mode="json", exclude_unset=True), by, key)


@router.post("/run-etl", **JOB_POST)
def run_etl(deps: Deps, body: LastDays, by: ActorDep, key: IdempotencyKey = None) -> Response:
    """Request one job for the last days of the source, up to the day of its newest sample. A key
    belongs to these days: when the source has a sample of another day, the same key is a 409.
    """
    newest = deps.connector.extent().last
    if newest is None:
        raise Conflict("the source has no samples yet, so it has no last day")
    last = (newest - deps.settings.label_offset).astimezone(deps.settings.zone).date()
    first = last - (body.days - 1) * ONE_DAY
    return _post_job(deps, {"start": str(first), "end": str(last)}, by, key)


def _post_job(deps: Deps, job: dict[str, Any], by: Actor, key: str | None) -> Response:
    headers = by.headers | ({"Idempotency-Key": key} if key else {})
    return proxy.forward(deps.extractor, "POST", "/jobs", json=job, headers=headers)


@router.get("/jobs/{id}", response_model=JobOut, responses=openapi_responses(404, 422, 503))
def get_job(deps: Deps, id: JobId) -> Response:
    """One job."""
    return proxy.forward(deps.extractor, "GET", f"/jobs/{id}")


@router.get(
    "/jobs/{id}/history",
    response_model=list[JobActionOut],
    responses=openapi_responses(404, 422, 503),
)
def list_history(deps: Deps, id: JobId) -> Response:
    """Who requested, cancelled and retried the job, and acted on its dead letters."""
    return proxy.forward(deps.extractor, "GET", f"/jobs/{id}/history")


def _job_in_ledger(deps: Deps, id: JobId) -> Job:
    return deps.ledger.job(id)


@router.get(
    "/jobs/{id}/events",
    response_class=EventSourceResponse,
    responses=openapi_responses(404, 422, 503),
)
async def events(
    deps: Deps, job: Annotated[Job, Depends(_job_in_ledger)]
) -> AsyncIterator[ServerSentEvent]:
    """An event `job` each time the job changes; when it has ended, an event `ended` with its
    state.
    """

    def poll() -> Fragments:
        current = deps.ledger.job(job.id)
        fragments = {"job": JobOut.of(current, deps.waits.of(current)).model_dump_json()}
        return fragments | ({ENDED: current.state} if current.is_ended else {})

    async for event in deps.event_streams.events(poll, every_s=POLL_S):
        yield event


@router.post(
    "/jobs/{id}/cancel", response_model=JobOut, responses=openapi_responses(404, 409, 422, 503)
)
def cancel(deps: Deps, id: JobId, by: ActorDep) -> Response:
    """Stop a job that has not ended; windows that it has loaded remain."""
    return proxy.forward(deps.extractor, "POST", f"/jobs/{id}/cancel", headers=by.headers)


@router.post(
    "/jobs/{id}/retry",
    status_code=202,
    response_model=JobOut,
    responses=openapi_responses(404, 409, 422, 503),
)
def retry(deps: Deps, id: JobId, by: ActorDep) -> Response:
    """Retry a failed or cancelled job; only its missing slices are extracted."""
    return proxy.forward(deps.extractor, "POST", f"/jobs/{id}/retry", headers=by.headers)
