"""`GET /api/pipeline`: the stages as they stand, and as they stood."""

from fastapi import APIRouter, Depends
from pydantic import BaseModel

from services.dashboard.dependencies import Deps
from services.dashboard.monitoring.pipeline_sampler import SAMPLE_EVERY_S, PipelineSnapshot
from shared.http.problem_details import openapi_responses
from shared.http.query_params import allow_only

router = APIRouter(prefix="/api", tags=["pipeline"])
bare = [Depends(allow_only())]


class Samples(BaseModel):
    """What was seen in the last minutes, oldest first."""

    every_s: float = SAMPLE_EVERY_S
    samples: list[PipelineSnapshot]


@router.get("/pipeline", dependencies=bare, responses=openapi_responses(422))
def pipeline(deps: Deps) -> PipelineSnapshot:
    """Each stage: what waits, what is in hand, who works, how fast; and whether Redis, the target,
    the connector and the extractor answer. That one of them is away is no error of this answer.
    """
    return deps.sampler.latest()


@router.get("/pipeline/history", dependencies=bare, responses=openapi_responses(422))
def history(deps: Deps) -> Samples:
    """The same, of the last 15 minutes at most, since this service has started."""
    return Samples(samples=deps.sampler.snapshots())
