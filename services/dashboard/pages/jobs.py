"""The page of jobs: start a job after a preview of its days, and the list of all jobs."""

import secrets
from collections.abc import AsyncIterator, Mapping
from datetime import datetime
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Form, Query, Request
from fastapi.sse import EventSourceResponse, ServerSentEvent
from pydantic import BaseModel
from starlette.responses import Response

from services.dashboard.dependencies import Dependencies, Deps
from services.dashboard.jobs import job_form
from services.dashboard.jobs.job_form import JobForm
from services.dashboard.pages.job import command_snippets
from services.dashboard.queries.job_preview import job_preview
from services.dashboard.web import flash
from services.dashboard.web.flash import Flash
from services.dashboard.web.page_user import page_user
from services.dashboard.web.server_sent_events import Fragments
from shared.domain.job import STATES, State
from shared.domain.job_request import Only
from shared.errors import MinuanoError, Unavailable

router = APIRouter(include_in_schema=False)

PAGE = 20
REFRESH_S = 1.0


class JobFilter(BaseModel):
    """The jobs of the list: those in this state, with an ID below `before`. By default all."""

    state: State | Literal[""] = ""
    before: Annotated[int, Query(ge=0, le=2**63 - 1)] = 0


FilterQuery = Annotated[JobFilter, Query()]
PostedForm = Annotated[JobForm, Form()]


@router.get("/jobs")
def jobs(
    request: Request,
    deps: Deps,
    filter: FilterQuery,
    start: str = "",
    end: str = "",
    assets: Annotated[list[str], Query()] = [],  # noqa: B006 - FastAPI makes one for each request
    variables: Annotated[list[str], Query()] = [],  # noqa: B006
    only: Only | Literal[""] = "",
) -> Response:
    """The page. A link can prefill the form."""
    zone = deps.settings.zone
    form = job_form.defaults(
        deps.source_catalog.now(), zone, datetime.now(zone).date(),
        variables=deps.settings.variable_names,
    )  # fmt: skip
    prefilled = {
        "start": start, "end": end, "variables": variables, "assets": assets, "only": only,
    }  # fmt: skip
    form = form.model_copy(update={name: value for name, value in prefilled.items() if value})
    return _page(request, deps, form, filter)


@router.post("/jobs")
def create(request: Request, deps: Deps, form: PostedForm) -> Response:
    """Submit the job to the extractor, then show the page of the job."""
    job_request, errors = job_form.parse(form)
    if job_request is None:
        return _page(request, deps, form, JobFilter(), errors=errors, status=422)
    body = job_request.model_dump(mode="json", exclude_none=True)
    try:
        key = job_form.idempotency_key(form, job_request)
        job = deps.extractor.post(body, by=page_user(request), key=key)
    except MinuanoError as error:
        status = 503 if isinstance(error, Unavailable) else 422
        return _page(request, deps, form, JobFilter(), rejection=str(error), status=status)
    return flash.redirect_with(request, f"/jobs/{job['id']}", Flash(action="start", done=1))


@router.post("/jobs/preview")
def preview(request: Request, deps: Deps, form: PostedForm) -> Response:
    """Which days of the form are already loaded, and commands for the same job, as a fragment."""
    job_request, errors = job_form.parse(form)
    preview, snippets, error = None, None, None
    if job_request:
        snippets = command_snippets(request, deps, job_request)
        catalog = deps.source_catalog.now()
        try:
            preview = job_preview(
                deps.target, job_request, deps.settings.zone, window_s=deps.settings.window_s,
                source_assets=catalog.assets, source_variables=catalog.variables,
            )  # fmt: skip
        except Unavailable as outage:
            error = str(outage)
    return deps.templates.page(
        request, "jobs_preview.html", errors=errors, preview=preview, error=error,
        snippets=snippets, only=form.only,
    )  # fmt: skip


@router.get("/jobs/events", response_class=EventSourceResponse)
async def events(
    request: Request, deps: Deps, filter: FilterQuery
) -> AsyncIterator[ServerSentEvent]:
    """The list after each change."""

    def render() -> Fragments:
        return {"list": deps.templates.fragment(request, "jobs_list.html", **_list(deps, filter))}

    async for event in deps.event_streams.events(render, every_s=REFRESH_S):
        yield event


def _page(
    request: Request,
    deps: Dependencies,
    form: JobForm,
    filter: JobFilter,
    *,
    errors: Mapping[str, str] | None = None,
    rejection: str | None = None,
    status: int = 200,
) -> Response:
    return flash.render(
        deps.templates, request, "jobs.html", status=status, form=form, errors=errors or {},
        rejection=rejection, catalog=deps.source_catalog.now(), key=secrets.token_hex(16),
        states=STATES, **_list(deps, filter),
    )  # fmt: skip


def _list(deps: Dependencies, filter: JobFilter) -> dict[str, Any]:
    try:
        jobs = deps.ledger.jobs(
            state=filter.state or None, before=filter.before or None, limit=PAGE + 1
        )
    except Unavailable as error:
        return {
            "jobs": [], "waits": {}, "filter": filter, "next_before": None, "error": str(error),
        }  # fmt: skip
    next_before = jobs[PAGE - 1].id if len(jobs) > PAGE else None
    waits = {job.id: waiting for job in jobs[:PAGE] if (waiting := deps.waits.of(job))}
    return {
        "jobs": jobs[:PAGE], "waits": waits, "filter": filter, "next_before": next_before,
        "error": None,
    }  # fmt: skip
