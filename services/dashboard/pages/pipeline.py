"""The pipeline as it stands, live, and what to do where it does not move."""

from collections.abc import AsyncIterator, Callable, Sequence
from datetime import timedelta
from typing import Any

from fastapi import APIRouter, Request
from fastapi.sse import EventSourceResponse, ServerSentEvent
from starlette.responses import Response

from services.dashboard.dependencies import Dependencies, Deps
from services.dashboard.monitoring import stage_health
from services.dashboard.monitoring.pipeline_sampler import (
    KEPT_S,
    SAMPLE_EVERY_S,
    PipelineSnapshot,
    Stage,
)
from services.dashboard.monitoring.sparkline import Line, line
from services.dashboard.web import flash
from services.dashboard.web.server_sent_events import Fragments

router = APIRouter(include_in_schema=False)

SPAN = timedelta(seconds=KEPT_S)
Lines = dict[str, dict[str, Line]]
Of = Callable[[Stage], float | None]
DRAWN: dict[str, Of] = {"entries": lambda s: s.entries, "slices": lambda s: s.slices_per_s}


@router.get("/pipeline")
def pipeline(request: Request, deps: Deps) -> Response:
    """The page."""
    return flash.render(deps.templates, request, "pipeline.html", **_seen(deps))


@router.get("/pipeline/events", response_class=EventSourceResponse)
async def events(request: Request, deps: Deps) -> AsyncIterator[ServerSentEvent]:
    """The page's two live parts: the verdict where it has changed, the board with each sample."""

    def draw() -> Fragments:
        seen = _seen(deps)
        return {
            "verdict": deps.templates.fragment(request, "pipeline_verdict.html", **seen),
            "board": deps.templates.fragment(request, "pipeline_board.html", **seen),
        }

    async for event in deps.event_streams.events(draw, every_s=SAMPLE_EVERY_S):
        yield event


def _seen(deps: Dependencies) -> dict[str, Any]:
    sample = deps.sampler.latest()
    found = stage_health.parts_health(sample)
    return {
        "sample": sample, "parts": found, "problems": stage_health.problems(found),
        "lines": _lines(deps.sampler.snapshots()), "minutes": KEPT_S // 60,
    }  # fmt: skip


def _lines(samples: Sequence[PipelineSnapshot]) -> Lines:
    """Of each stage, a line for each thing that is drawn."""
    stages = ("extractor", "aggregator", "loader")
    return {
        stage: {
            name: line([(s.at, _value(s, stage, of)) for s in samples], span=SPAN)
            for name, of in DRAWN.items()
        }
        for stage in stages
    }


def _value(sample: PipelineSnapshot, stage: str, of: Of) -> float | None:
    return next((of(s) for s in sample.stages if s.stage == stage), None)
