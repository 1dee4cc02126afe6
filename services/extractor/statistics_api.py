"""The endpoint that tells which statistics a new job computes."""

from fastapi import APIRouter, Depends

from services.extractor.api import IntakeDep
from shared.domain.spec import StatisticsSpec
from shared.http.problem_details import openapi_responses
from shared.http.query_params import allow_only

router = APIRouter(tags=["statistics"])


@router.get("/statistics", dependencies=[Depends(allow_only())], responses=openapi_responses(422))
def statistics(intake: IntakeDep) -> StatisticsSpec:
    """The statistics specification of a new job of one variable."""
    return intake.spec(1)
