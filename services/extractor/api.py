"""The extractor's HTTP API: jobs are asked for, watched, cancelled and tried again. The app's state
holds the `intake` and the `ledger`.
"""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator
from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request, Response
from fastapi.concurrency import run_in_threadpool
from fastapi.sse import EventSourceResponse, ServerSentEvent

from services.extractor.job_intake import JobIntake
from shared import logs
from shared.domain.job import Job
from shared.domain.job_request import JobRequest
from shared.errors import InvalidInput, Unavailable
from shared.http.app import require_json
from shared.http.job_schemas import LOCATION, IdempotencyKey, JobId, JobList, JobOut, JobsQuery
from shared.http.problem_details import invalid_parameter, openapi_responses
from shared.ledger.ledger import Ledger

log = logs.get(__name__)

EVENTS_EVERY_S = 0.1
EVENTS_FOR_S = 3600.0


def _intake(request: Request) -> JobIntake:
    intake: JobIntake = request.app.state.intake
    return intake


def _ledger(request: Request) -> Ledger:
    ledger: Ledger = request.app.state.ledger
    return ledger


IntakeHere = Annotated[JobIntake, Depends(_intake)]
LedgerHere = Annotated[Ledger, Depends(_ledger)]


def _job(ledger: LedgerHere, id: JobId) -> Job:
    return ledger.job(id)


JobHere = Annotated[Job, Depends(_job)]

router = APIRouter(prefix="/jobs", tags=["jobs"])


@router.post(
    "",
    status_code=202,
    responses={
        200: {
            "model": JobOut,
            "description": "The job that had this key before",
            "headers": LOCATION,
        },
        202: {"headers": LOCATION},
        **openapi_responses(409, 413, 415, 422),
    },
    dependencies=[Depends(require_json)],
)
def create(
    intake: IntakeHere,
    job_request: JobRequest,
    request: Request,
    response: Response,
    key: IdempotencyKey = None,
) -> JobOut:
    """Ask for one date, or a range of dates, of some variables of some assets."""
    _require_known(intake, job_request)
    intake.require_room()
    job, is_new = intake.accept(
        job_request, trace=request.state.request_id, key=key and f"http:{key}"
    )
    if is_new:
        intake.publish(job)
        log.info("job.accepted", job=job.id, by="http")
    response.status_code = 202 if is_new else 200
    response.headers["Location"] = f"/jobs/{job.id}"
    return JobOut.of(job)


def _require_known(intake: JobIntake, request: JobRequest) -> None:
    """While the connector is away nothing is unknown: the job finds out."""
    with contextlib.suppress(Unavailable, InvalidInput):
        unknown, known = intake.unknown_variables(request.variables)
        if unknown:
            raise invalid_parameter(
                "variables", f"the source has no {unknown[0]}; it has {', '.join(known)}"
            )


@router.get("", responses=openapi_responses(422))
def listed(ledger: LedgerHere, query: Annotated[JobsQuery, Query()]) -> JobList:
    """The newest jobs first."""
    jobs = ledger.jobs(state=query.state, before=query.before, limit=query.limit)
    return JobList(
        jobs=[JobOut.of(job) for job in jobs],
        next=jobs[-1].id if len(jobs) == query.limit else None,
    )


@router.get("/{id}", responses=openapi_responses(404, 422))
def one(job: JobHere) -> JobOut:
    """One job as it stands."""
    return JobOut.of(job)


@router.get(
    "/{id}/events", response_class=EventSourceResponse, responses=openapi_responses(404, 422)
)
async def events(ledger: LedgerHere, job: JobHere) -> AsyncIterator[ServerSentEvent]:
    """The job each time it changes, until it has ended."""
    last = None
    until = time.monotonic() + EVENTS_FOR_S
    while time.monotonic() < until:
        if job != last:
            yield ServerSentEvent(event="job", id=str(job.id), data=JobOut.of(job))
        if job.is_ended:
            return
        last = job
        await asyncio.sleep(EVENTS_EVERY_S)
        job = await run_in_threadpool(ledger.job, job.id)


@router.post("/{id}/cancel", responses=openapi_responses(404, 409, 422))
def cancel(ledger: LedgerHere, id: JobId) -> JobOut:
    """Stop a job that has not ended; what it has loaded stays."""
    return JobOut.of(ledger.cancel(id))


@router.post("/{id}/retry", status_code=202, responses=openapi_responses(404, 409, 422))
def retry(intake: IntakeHere, ledger: LedgerHere, id: JobId) -> JobOut:
    """Take up a failed or cancelled job again; only its missing slices are extracted."""
    job = ledger.retry(id)
    intake.publish(job)
    return JobOut.of(job)
