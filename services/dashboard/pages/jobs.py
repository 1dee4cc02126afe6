"""Jobs: ask for one, having seen what is missing, and see what became of the others."""

from collections.abc import AsyncIterator, Mapping
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Form, Query, Request
from fastapi.sse import EventSourceResponse, ServerSentEvent
from pydantic import BaseModel, ConfigDict
from starlette.responses import Response

from services.dashboard.dependencies import Dependencies, Deps
from services.dashboard.jobs import job_form
from services.dashboard.jobs.job_form import JobForm
from services.dashboard.pages.job import spell
from services.dashboard.queries.job_preview import job_preview
from services.dashboard.web import flash
from services.dashboard.web.flash import Flash
from services.dashboard.web.server_sent_events import Fragments
from shared.domain.job import STATES, State
from shared.errors import MinuanoError, Unavailable

router = APIRouter(include_in_schema=False)

PAGE = 20
LOOK_EVERY_S = 1.0


class Listed(BaseModel):
    """Which jobs are listed: of a state, numbered below `before`; left out, all."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    state: State | Literal[""] = ""
    before: Annotated[int, Query(ge=0, le=2**63 - 1)] = 0


Which = Annotated[Listed, Query()]
Sent = Annotated[JobForm, Form()]


@router.get("/jobs")
def jobs(
    request: Request,
    deps: Deps,
    which: Which,
    start: str = "",
    end: str = "",
    asset: Annotated[list[str], Query()] = [],  # noqa: B006 - FastAPI makes one for each request
    variable: Annotated[list[str], Query()] = [],  # noqa: B006
) -> Response:
    """The page; a link may fill in the form."""
    offer = deps.source_catalog.now()
    clock = deps.templates.clock(request)
    form = job_form.defaults(offer, clock.site, clock.today())
    given = {"start": start, "end": end, "variables": variable, "assets": asset}
    form = form.model_copy(update={name: value for name, value in given.items() if value})
    return _page(request, deps, form, which)


@router.post("/jobs")
def ask(request: Request, deps: Deps, form: Sent) -> Response:
    """Ask the extractor for what the form says, then go to the job's page."""
    asked = job_form.parse(form)
    if asked.request is None:
        return _page(request, deps, form, Listed(), wrong=asked.errors, status=422)
    body = asked.request.model_dump(mode="json", exclude_none=True)
    try:
        job = deps.extractor.post(body, key=asked.idempotency_key(form))
    except MinuanoError as error:
        status = 503 if isinstance(error, Unavailable) else 422
        return _page(request, deps, form, Listed(), refused=str(error), status=status)
    return flash.redirect_with(request, f"/jobs/{job['id']}", Flash(what="started", done=1))


@router.post("/jobs/preview")
def previewed(request: Request, deps: Deps, form: Sent) -> Response:
    """What of it is there, and how else to ask for it: a part of the page."""
    asked = job_form.parse(form)
    found, away = None, None
    if asked.request:
        zone = ZoneInfo(deps.settings.source_timezone)
        try:
            found = job_preview(
                deps.target, asked.request, zone,
                window_s=deps.settings.window_s, known=deps.source_catalog.now().assets,
            )  # fmt: skip
        except Unavailable as outage:
            away = str(outage)
    return deps.templates.page(
        request, "jobs_preview.html", wrong=asked.errors, found=found, away=away,
        spelled=asked.request and spell(request, deps, asked.request),
    )  # fmt: skip


@router.get("/jobs/events", response_class=EventSourceResponse)
async def events(request: Request, deps: Deps, which: Which) -> AsyncIterator[ServerSentEvent]:
    """The list, each time it has changed."""

    def draw() -> Fragments:
        return {"list": deps.templates.fragment(request, "jobs_list.html", **_list(deps, which))}

    async for event in deps.event_streams.events(draw, every_s=LOOK_EVERY_S):
        yield event


def _page(
    request: Request,
    deps: Dependencies,
    form: JobForm,
    which: Listed,
    *,
    wrong: Mapping[str, str] | None = None,
    refused: str | None = None,
    status: int = 200,
) -> Response:
    return flash.render(
        deps.templates, request, "jobs.html", status=status, form=form, wrong=wrong or {},
        refused=refused, offer=deps.source_catalog.now(), key=job_form.fresh_key(), states=STATES,
        **_list(deps, which),
    )  # fmt: skip


def _list(deps: Dependencies, which: Listed) -> dict[str, Any]:
    try:
        found = deps.ledger.jobs(
            state=which.state or None, before=which.before or None, limit=PAGE + 1
        )
    except Unavailable as outage:
        return {"jobs": [], "which": which, "following": None, "away": str(outage)}
    following = found[PAGE - 1].id if len(found) > PAGE else None
    return {"jobs": found[:PAGE], "which": which, "following": following, "away": None}
