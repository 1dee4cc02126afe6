"""The extractor's HTTP API: create, list, follow, cancel and retry jobs. The app's state holds the
`intake`, the `ledger`, the `audit`, the `waits` and the `events` of jobs.
"""

from collections.abc import AsyncIterator, Sequence
from dataclasses import asdict
from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request, Response
from fastapi.sse import EventSourceResponse, ServerSentEvent

from services.extractor.job_events import JobEvents
from services.extractor.job_intake import JobIntake
from shared import logs
from shared.domain.job import Job
from shared.domain.job_request import JobRequest
from shared.errors import InvalidInput, InvalidParameter, Unavailable
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
    JobSummaryOut,
)
from shared.http.problem_details import openapi_responses
from shared.ledger.audit_log import AuditLog
from shared.ledger.ledger import Ledger
from shared.streams.job_waits import JobWaits

log = logs.get(__name__)

MAX_HISTORY = 100


async def _intake(request: Request) -> JobIntake:
    intake: JobIntake = request.app.state.intake
    return intake


async def _ledger(request: Request) -> Ledger:
    ledger: Ledger = request.app.state.ledger
    return ledger


async def _audit(request: Request) -> AuditLog:
    audit: AuditLog = request.app.state.audit
    return audit


async def _waits(request: Request) -> JobWaits:
    waits: JobWaits = request.app.state.waits
    return waits


async def _events(request: Request) -> JobEvents:
    events: JobEvents = request.app.state.events
    events.require_room()
    return events


AuditDep = Annotated[AuditLog, Depends(_audit)]
EventsDep = Annotated[JobEvents, Depends(_events)]
IntakeDep = Annotated[JobIntake, Depends(_intake)]
LedgerDep = Annotated[Ledger, Depends(_ledger)]
WaitsDep = Annotated[JobWaits, Depends(_waits)]


def _job(ledger: LedgerDep, id: JobId) -> Job:
    return ledger.job(id)


JobDep = Annotated[Job, Depends(_job)]

router = APIRouter(prefix="/jobs", tags=["jobs"])


@router.post(
    "",
    status_code=202,
    responses={
        200: {
            "model": JobOut,
            "description": "The earlier job with this key",
            "headers": LOCATION,
        },
        202: {"headers": LOCATION},
        **openapi_responses(409, 413, 415, 422),
    },
    dependencies=[Depends(require_json)],
)
def create_job(
    intake: IntakeDep,
    job_request: JobRequest,
    request: Request,
    response: Response,
    by: ActorDep,
    key: IdempotencyKey = None,
) -> JobOut:
    """Create a job for one date or a date range, and for some variables and assets."""
    variables = intake.variables_of(job_request)
    _require_known(intake, variables)
    intake.require_room()
    job, is_new = intake.accept(
        job_request, variables, by=by, trace=request.state.request_id, key=key and f"http:{key}"
    )
    if is_new:
        intake.publish(job)
        log.info("job.accepted", job=job.id, by="http")
    response.status_code = 202 if is_new else 200
    response.headers["Location"] = f"/jobs/{job.id}"
    return JobOut.of(job)


def _require_known(intake: JobIntake, variables: Sequence[str]) -> None:
    """`InvalidInput` for a variable that the source does not have, requested or named by a setting.
    While the connector cannot say, all are accepted and the job checks them when it starts.
    """
    try:
        error = intake.unknown_variable(variables, intake.spec(len(variables)))
    except (Unavailable, InvalidInput):
        return
    if error and error.reason == "variables":
        raise InvalidParameter("variables", str(error))
    if error:
        raise error


@router.get("", responses=openapi_responses(422))
def list_jobs(ledger: LedgerDep, waits: WaitsDep, query: Annotated[JobsQuery, Query()]) -> JobList:
    """List jobs, the newest first."""
    jobs = ledger.jobs(state=query.state, before=query.before, limit=query.limit)
    return JobList(
        jobs=[JobSummaryOut.of(job, waits.of(job)) for job in jobs],
        next=jobs[-1].id if len(jobs) == query.limit else None,
    )


@router.get("/{id}", responses=openapi_responses(404, 422))
def get_job(job: JobDep, waits: WaitsDep) -> JobOut:
    """Get one job."""
    return JobOut.of(job, waits.of(job))


@router.get(
    "/{id}/events", response_class=EventSourceResponse, responses=openapi_responses(404, 422)
)
async def stream_events(events: EventsDep, job: JobDep) -> AsyncIterator[ServerSentEvent]:
    """Stream the job each time it changes, or what it waits for, until it has ended."""
    async for current, waiting in events.follow(job):
        yield ServerSentEvent(event="job", id=str(job.id), data=JobOut.of(current, waiting))


@router.get("/{id}/history", responses=openapi_responses(404, 422))
def list_history(audit: AuditDep, job: JobDep) -> list[JobActionOut]:
    """Who requested, cancelled and retried the job, and acted on its dead letters: the newest first
    and at most 100. What was pruned is missing.
    """
    return [JobActionOut.model_validate(asdict(e)) for e in audit.newest(MAX_HISTORY, job=job.id)]


@router.post("/{id}/cancel", responses=openapi_responses(404, 409, 422))
def cancel_job(ledger: LedgerDep, id: JobId, by: ActorDep) -> JobOut:
    """Cancel a job that has not ended; the slices that it has loaded stay."""
    return JobOut.of(ledger.cancel(id, by=by))


@router.post("/{id}/retry", status_code=202, responses=openapi_responses(404, 409, 422))
def retry_job(
    intake: IntakeDep, ledger: LedgerDep, request: Request, id: JobId, by: ActorDep
) -> JobOut:
    """Retry a failed or cancelled job; only its missing slices are extracted. Its `trace` is then
    the id of this request.
    """
    job = ledger.retry(id, by=by, trace=request.state.request_id)
    intake.publish(job)
    return JobOut.of(job)
