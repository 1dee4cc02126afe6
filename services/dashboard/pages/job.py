"""The page of one job: its progress, slices, history and log, and how to cancel or retry it."""

import shlex
from collections.abc import AsyncIterator
from typing import Annotated, Literal

from fastapi import APIRouter, Query, Request
from fastapi.sse import EventSourceResponse, ServerSentEvent
from pydantic import AwareDatetime
from starlette.responses import Response

from services.dashboard.dependencies import Dependencies, Deps
from services.dashboard.jobs.command_snippets import Snippets, of_job, snippets
from services.dashboard.monitoring import log_search
from services.dashboard.queries import job_slices
from services.dashboard.web import flash
from services.dashboard.web.flash import Flash
from services.dashboard.web.page_user import page_user
from services.dashboard.web.server_sent_events import ENDED, Fragments
from shared.domain.job_request import JobRequest
from shared.errors import MinuanoError, NotFound, Unavailable
from shared.http.job_schemas import JobId
from shared.ledger.audit_log import AuditEntry

router = APIRouter(include_in_schema=False)

REFRESH_S = 0.5
HISTORY_ENTRIES = 20


@router.get("/jobs/{id}")
def job(
    request: Request,
    deps: Deps,
    id: JobId,
    asset: Annotated[str, Query(pattern=r"^[^\x00]*$")] = "",
    since: Annotated[AwareDatetime | None, Query()] = None,
) -> Response:
    """The page. The table of slices starts after the slice of `asset` that begins at `since`."""
    try:
        job = deps.ledger.job(id)
        slices, more = job_slices.page(deps.target, id, asset=asset, since=since)
        history = _history(deps, id)
    except NotFound:
        return deps.templates.page(request, "job_missing.html", status=404, id=id)
    except Unavailable as error:
        return deps.templates.page(
            request, "job_unavailable.html", status=503, id=id, error=str(error)
        )
    return flash.render(
        deps.templates, request, "job.html", job=job, waiting=deps.waits.of(job), slices=slices,
        more=more, since=since, history=history,
        snippets=command_snippets(request, deps, of_job(job)),
    )  # fmt: skip


@router.get("/jobs/{id}/live", response_class=EventSourceResponse)
async def live(request: Request, deps: Deps, id: JobId) -> AsyncIterator[ServerSentEvent]:
    """The state of the job after each change, until the job ends."""

    def render() -> Fragments:
        try:
            job = deps.ledger.job(id)
        except MinuanoError as error:
            return {"stale": deps.templates.fragment(request, "job_stale.html", error=str(error))}
        state = deps.templates.fragment(
            request, "job_state.html", job=job, waiting=deps.waits.of(job)
        )
        return {"state": state, "stale": ""} | ({ENDED: job.state} if job.is_ended else {})

    async for event in deps.event_streams.events(render, every_s=REFRESH_S):
        yield event


@router.get("/jobs/{id}/slices")
def slices(request: Request, deps: Deps, id: JobId) -> Response:
    """The first page of the table of slices, as a fragment."""
    slices, more = job_slices.page(deps.target, id)
    return deps.templates.page(
        request, "job_slices.html", job=deps.ledger.job(id), slices=slices, more=more, since=None
    )


@router.get("/jobs/{id}/history")
def history(request: Request, deps: Deps, id: JobId) -> Response:
    """Who requested, cancelled and retried the job and acted on its letters, as a fragment."""
    return deps.templates.page(request, "job_history.html", history=_history(deps, id))


@router.get("/jobs/{id}/log")
def log(request: Request, deps: Deps, id: JobId) -> Response:
    """The log lines of the job, or a command that finds them, as a fragment."""
    job = deps.ledger.job(id)
    lines, error = None, None
    if folder := deps.settings.log_folder:
        try:
            lines = log_search.lines(folder, job.trace)
        except OSError as os_error:
            error = f"MINUANO_LOG_FOLDER: {folder}: {os_error.strerror}"
    return deps.templates.page(
        request, "job_log.html", job=job, lines=lines, error=error,
        grep=f"docker compose logs --no-log-prefix | grep -F -- {shlex.quote(job.trace)}",
        max_lines=log_search.MAX_LINES,
    )  # fmt: skip


@router.post("/jobs/{id}/{verb}")
def change(request: Request, deps: Deps, id: JobId, verb: Literal["cancel", "retry"]) -> Response:
    """Cancel or retry the job, then show it."""
    try:
        deps.extractor.change(id, verb, by=page_user(request))
        message = Flash(action=verb, done=1)
    except MinuanoError as error:
        message = Flash(action=verb, detail=str(error))
    return flash.redirect_with(request, f"/jobs/{id}", message)


def _history(deps: Dependencies, id: int) -> list[AuditEntry]:
    return deps.dead_letter_actions.audit.newest(HISTORY_ENTRIES, job=id)


def command_snippets(request: Request, deps: Dependencies, job_request: JobRequest) -> Snippets:
    """Commands that start the same job."""
    return snippets(
        job_request, base_url=str(request.base_url), stream=deps.streams.jobs,
        needs_key=deps.sessions.needed,
    )  # fmt: skip
