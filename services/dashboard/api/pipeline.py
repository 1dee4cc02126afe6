"""`GET /api/pipeline`: the state of the stages, now and over the last 15 minutes."""

from collections.abc import Sequence

from fastapi import APIRouter, Depends
from pydantic import BaseModel

from services.dashboard.dependencies import Deps
from services.dashboard.monitoring.pipeline_sampler import SAMPLE_EVERY_S, PipelineSnapshot
from shared.http.problem_details import openapi_responses
from shared.http.query_params import allow_only

router = APIRouter(prefix="/api", tags=["pipeline"])
no_params = [Depends(allow_only())]


class PipelineHistory(BaseModel):
    """Snapshots of the pipeline, oldest first."""

    every_s: float = SAMPLE_EVERY_S
    samples: Sequence[PipelineSnapshot]


@router.get("/pipeline", dependencies=no_params, responses=openapi_responses(422))
def pipeline(deps: Deps) -> PipelineSnapshot:
    """For each stage the backlog, the entries being processed, the workers and the rate; and
    whether Redis, the target, the connector and the extractor are reachable. The status is 200
    also if one of them is not.
    """
    return deps.sampler.latest()


@router.get("/pipeline/history", dependencies=no_params, responses=openapi_responses(422))
def history(deps: Deps) -> PipelineHistory:
    """The same over the last 15 minutes, or since this service started."""
    return PipelineHistory(samples=deps.sampler.snapshots())
