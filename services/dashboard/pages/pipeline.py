"""The page of the pipeline: the stages, live, and advice for each problem."""

from collections.abc import AsyncIterator, Callable, Sequence
from datetime import timedelta
from typing import Any

from fastapi import APIRouter, Request
from fastapi.sse import EventSourceResponse, ServerSentEvent
from starlette.responses import Response

from services.dashboard.dependencies import Dependencies, Deps
from services.dashboard.monitoring import stage_health
from services.dashboard.monitoring.pipeline_sampler import (
    HISTORY_S,
    SAMPLE_EVERY_S,
    PipelineSnapshot,
    Stage,
)
from services.dashboard.monitoring.sparkline import Sparkline, sparkline
from services.dashboard.web.server_sent_events import Fragments

router = APIRouter(include_in_schema=False)

SPAN = timedelta(seconds=HISTORY_S)


@router.get("/pipeline")
def pipeline(request: Request, deps: Deps) -> Response:
    return deps.templates.page(request, "pipeline.html", **_context(deps))


@router.get("/pipeline/events", response_class=EventSourceResponse)
async def events(request: Request, deps: Deps) -> AsyncIterator[ServerSentEvent]:
    """The two live fragments of the page, after each change."""

    def render() -> Fragments:
        context = _context(deps)
        return {
            "problems": deps.templates.fragment(request, "pipeline_problems.html", **context),
            "stages": deps.templates.fragment(request, "pipeline_stages.html", **context),
        }

    async for event in deps.event_streams.events(render, every_s=SAMPLE_EVERY_S):
        yield event


def _context(deps: Dependencies) -> dict[str, Any]:
    snapshot = deps.sampler.latest()
    history = deps.sampler.snapshots()
    parts = stage_health.components_health(snapshot)
    return {
        "snapshot": snapshot, "parts": parts, "problems": stage_health.problems(parts),
        "waits": deps.sampler.waits, "minutes": HISTORY_S // 60,
        "sparklines": {
            stage: {
                "entries": _sparkline(history, stage, lambda s: s.entries),
                "slices": _sparkline(history, stage, lambda s: s.slices_per_s),
            }
            for stage in ("extractor", "aggregator", "loader")
        },
    }  # fmt: skip


def _sparkline(
    history: Sequence[PipelineSnapshot], name: str, value: Callable[[Stage], float | None]
) -> Sparkline:
    values = [
        (snapshot.at, next((value(s) for s in snapshot.stages if s.stage == name), None))
        for snapshot in history
    ]
    return sparkline(values, span=SPAN)
