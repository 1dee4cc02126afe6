"""The endpoint that tells which statistics a new job computes."""

from fastapi import APIRouter, Depends
from pydantic import BaseModel, Field

from services.extractor.api import IntakeDep
from shared.domain.spec import Statistic
from shared.http.problem_details import openapi_responses
from shared.http.query_params import allow_only


class Statistics(BaseModel):
    """The statistics specification of a new job of one variable; lengths are in seconds."""

    window_s: int
    period_s: float
    statistics: list[Statistic]
    ddof: int
    circular_variables: list[str]
    flatline_s: float | None
    value_limits: dict[str, list[float]] = Field(description="Lowest and highest plausible value")
    slice_s: int


router = APIRouter(tags=["statistics"])


@router.get("/statistics", dependencies=[Depends(allow_only())], responses=openapi_responses(422))
def statistics(intake: IntakeDep) -> Statistics:
    """The statistics of new jobs, as the settings of the extractor say."""
    return Statistics.model_validate(intake.spec(1).model_dump())
