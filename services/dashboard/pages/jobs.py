"""Jobs: ask for one, having seen what is missing, and see what became of the others."""

from collections.abc import AsyncIterator, Mapping
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Form, Query, Request
from fastapi.sse import EventSourceResponse, ServerSentEvent
from pydantic import BaseModel, ConfigDict
from starlette.responses import Response

from services.dashboard.dependencies import Here, Parts
from services.dashboard.jobs import job_form
from services.dashboard.jobs.job_form import JobForm
from services.dashboard.pages.job import spell
from services.dashboard.queries.job_preview import preview
from services.dashboard.web import flash
from services.dashboard.web.flash import Told
from services.dashboard.web.server_sent_events import Drawing
from shared.errors import MinuanoError, Outage

router = APIRouter(include_in_schema=False)

PAGE = 20
LOOK_EVERY_S = 1.0
STATES = ("queued", "running", "done", "failed", "cancelled")


class Listed(BaseModel):
    """Which jobs are listed: of a state, numbered below `before`; left out, all."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    state: Literal["", "queued", "running", "done", "failed", "cancelled"] = ""
    before: Annotated[int, Query(ge=0, le=2**63 - 1)] = 0


Which = Annotated[Listed, Query()]
Sent = Annotated[JobForm, Form()]


@router.get("/jobs")
def jobs(
    request: Request,
    here: Here,
    which: Which,
    start: str = "",
    end: str = "",
    asset: Annotated[list[str], Query()] = [],  # noqa: B006 - FastAPI makes one for each request
    variable: Annotated[list[str], Query()] = [],  # noqa: B006
) -> Response:
    """The page; a link may fill in the form."""
    offer = here.offered.now()
    clock = here.rendering.clock(request)
    form = job_form.blank(offer, clock.site, clock.today())
    given = {"start": start, "end": end, "variables": variable, "assets": asset}
    form = form.model_copy(update={name: value for name, value in given.items() if value})
    return _page(request, here, form, which)


@router.post("/jobs")
def ask(request: Request, here: Here, form: Sent) -> Response:
    """Ask the extractor for what the form says, then go to the job's page."""
    asked = job_form.read(form)
    if asked.request is None:
        return _page(request, here, form, Listed(), wrong=asked.wrong, status=422)
    body = asked.request.model_dump(mode="json", exclude_none=True)
    try:
        job = here.extractor.post(body, key=asked.idempotency_key(form))
    except MinuanoError as error:
        status = 503 if isinstance(error, Outage) else 422
        return _page(request, here, form, Listed(), refused=str(error), status=status)
    return flash.then(request, f"/jobs/{job['id']}", Told(what="started", done=1))


@router.post("/jobs/preview")
def previewed(request: Request, here: Here, form: Sent) -> Response:
    """What of it is there, and how else to ask for it: a part of the page."""
    asked = job_form.read(form)
    found, away = None, None
    if asked.request:
        zone = ZoneInfo(here.settings.source_timezone)
        try:
            found = preview(
                here.target, asked.request, zone,
                window_s=here.settings.window_s, known=here.offered.now().assets,
            )  # fmt: skip
        except Outage as outage:
            away = str(outage)
    return here.rendering.page(
        request, "jobs_preview.html", wrong=asked.wrong, found=found, away=away,
        spelled=asked.request and spell(request, here, asked.request),
    )  # fmt: skip


@router.get("/jobs/events", response_class=EventSourceResponse)
async def events(request: Request, here: Here, which: Which) -> AsyncIterator[ServerSentEvent]:
    """The list, each time it has changed."""

    def draw() -> Drawing:
        return {"list": here.rendering.part(request, "jobs_list.html", **_list(here, which))}

    async for event in here.live.events(draw, every_s=LOOK_EVERY_S):
        yield event


def _page(
    request: Request,
    here: Parts,
    form: JobForm,
    which: Listed,
    *,
    wrong: Mapping[str, str] | None = None,
    refused: str | None = None,
    status: int = 200,
) -> Response:
    return flash.page(
        here.rendering, request, "jobs.html", status=status, form=form, wrong=wrong or {},
        refused=refused, offer=here.offered.now(), key=job_form.fresh_key(), states=STATES,
        **_list(here, which),
    )  # fmt: skip


def _list(here: Parts, which: Listed) -> dict[str, Any]:
    try:
        found = here.graveyard.ledger.jobs(
            state=which.state or None, before=which.before or None, limit=PAGE + 1
        )
    except Outage as outage:
        return {"jobs": [], "which": which, "following": None, "away": str(outage)}
    following = found[PAGE - 1].id if len(found) > PAGE else None
    return {"jobs": found[:PAGE], "which": which, "following": following, "away": None}
