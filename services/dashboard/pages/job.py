"""One job: how far it is, its slices, what was logged about it, and what can be done with it."""

import shlex
from collections.abc import AsyncIterator
from typing import Annotated, Literal

from fastapi import APIRouter, Path, Query, Request
from fastapi.sse import EventSourceResponse, ServerSentEvent
from pydantic import AwareDatetime
from starlette.responses import Response

from services.dashboard.dependencies import Dependencies, Deps
from services.dashboard.jobs.command_snippets import Snippets, of_job, snippets
from services.dashboard.monitoring import log_search
from services.dashboard.queries import job_slices
from services.dashboard.web import flash
from services.dashboard.web.flash import Flash
from services.dashboard.web.server_sent_events import ENDED, Fragments
from shared.domain.job_request import JobRequest
from shared.errors import MinuanoError, NotFound, Unavailable

router = APIRouter(include_in_schema=False)

LOOK_EVERY_S = 0.5

JobId = Annotated[int, Path(ge=1, le=2**63 - 1)]


@router.get("/jobs/{id}")
def job(
    request: Request,
    deps: Deps,
    id: JobId,
    asset: Annotated[str, Query(pattern=r"^[^\x00]*$")] = "",
    since: Annotated[AwareDatetime | None, Query()] = None,
) -> Response:
    """The page; `asset` and `since` are the slice after which the table begins."""
    try:
        found = deps.ledger.job(id)
        rows, more = job_slices.page(deps.target, id, asset=asset, since=since)
    except NotFound:
        return deps.templates.page(request, "job_missing.html", status=404, id=id)
    except Unavailable as outage:
        return deps.templates.page(request, "job_away.html", status=503, id=id, error=str(outage))
    return flash.render(
        deps.templates, request, "job.html", job=found, slices=rows, more=more, later=since,
        spelled=spell(request, deps, of_job(found)),
    )  # fmt: skip


@router.get("/jobs/{id}/live", response_class=EventSourceResponse)
async def live(request: Request, deps: Deps, id: JobId) -> AsyncIterator[ServerSentEvent]:
    """How far it is, each time that has changed, until the job has ended."""

    def draw() -> Fragments:
        try:
            found = deps.ledger.job(id)
        except MinuanoError as error:
            return {"away": deps.templates.fragment(request, "job_lost.html", error=str(error))}
        drawn = {"state": deps.templates.fragment(request, "job_state.html", job=found), "away": ""}
        return drawn | ({ENDED: found.state} if found.is_ended else {})

    async for event in deps.event_streams.events(draw, every_s=LOOK_EVERY_S):
        yield event


@router.get("/jobs/{id}/slices")
def sliced(request: Request, deps: Deps, id: JobId) -> Response:
    """The first slices, as they are once the job has ended: a part of the page."""
    rows, more = job_slices.page(deps.target, id)
    return deps.templates.page(
        request, "job_slices.html", job=deps.ledger.job(id), slices=rows,
        more=more, later=None,
    )  # fmt: skip


@router.get("/jobs/{id}/log")
def log(request: Request, deps: Deps, id: JobId) -> Response:
    """What was logged about it, or the line that finds it: a part of the page."""
    found = deps.ledger.job(id)
    lines, error = None, None
    if folder := deps.settings.log_folder:
        try:
            lines = log_search.lines(folder, found.trace)
        except OSError as why:
            error = f"MINUANO_LOG_FOLDER: {folder}: {why.strerror}"
    return deps.templates.page(
        request, "job_log.html", job=found, lines=lines, error=error,
        grep=f"docker compose logs --no-log-prefix | grep -F -- {shlex.quote(found.trace)}",
        most=log_search.MAX_LINES,
    )  # fmt: skip


@router.post("/jobs/{id}/{verb}")
def change(request: Request, deps: Deps, id: JobId, verb: Literal["cancel", "retry"]) -> Response:
    """Cancel it or take it up again, then show it."""
    what: Literal["cancelled", "retried"] = "cancelled" if verb == "cancel" else "retried"
    try:
        deps.extractor.change(id, verb)
    except MinuanoError as error:
        why = str(error)[: flash.MAX_CHARS]
        return flash.redirect_with(request, f"/jobs/{id}", Flash(what=what, why=why))
    return flash.redirect_with(request, f"/jobs/{id}", Flash(what=what, done=1))


def spell(request: Request, deps: Dependencies, asked: JobRequest) -> Snippets:
    """The same job as lines to copy."""
    return snippets(
        asked, base_url=str(request.base_url), stream=deps.streams.jobs,
        needs_key=deps.sessions.needed,
    )  # fmt: skip
