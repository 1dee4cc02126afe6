"""`GET /api/series` and `GET /api/power-curve`: the data of the charts."""

from typing import Annotated

from fastapi import APIRouter, Depends, Query
from pydantic import AfterValidator, Field

from services.dashboard.api.time_range import TimeRangeQuery, parse_names
from services.dashboard.dependencies import Deps
from services.dashboard.queries import power_curve, time_series
from services.dashboard.queries.power_curve import PowerCurve
from services.dashboard.queries.time_series import TimeSeries
from shared.domain.job_request import MAX_ASSET_CHARS
from shared.http.problem_details import openapi_responses
from shared.http.query_params import Listed, allow_only

MAX_POINTS = 5_000
MAX_VARIABLES = 8
"""Of one chart. Each of them is a query."""
DEFAULT_POINTS = 1_200

router = APIRouter(prefix="/api", tags=["charts"])


class AssetQuery(TimeRangeQuery):
    """One asset over a time range."""

    asset: str = Field(
        "", max_length=MAX_ASSET_CHARS, pattern=r"^[^\x00]*$",
        description="Empty if the source has no assets",
    )  # fmt: skip


def _parse_variables(texts: list[str]) -> list[str]:
    """The names of lists that are separated by commas; ValueError if there are too many."""
    names = parse_names(texts)
    if len(names) > MAX_VARIABLES:
        raise ValueError(f"{len(names)} variables; {MAX_VARIABLES} are allowed")
    return names


class SeriesQuery(AssetQuery):
    """Some variables of one asset."""

    variables: Annotated[
        list[Listed],
        Field(min_length=1, max_length=MAX_VARIABLES),
        AfterValidator(_parse_variables),
    ] = Field(description="Repeated or separated by commas")
    points: int = Field(
        DEFAULT_POINTS, ge=1, le=MAX_POINTS,
        description="The greatest number of points, for example the pixels of the chart",
    )  # fmt: skip


@router.get(
    "/series",
    dependencies=[Depends(allow_only("asset", "start", "end", "points", several=["variables"]))],
    responses=openapi_responses(422, 503),
)
def one_series(deps: Deps, query: Annotated[SeriesQuery, Query()]) -> TimeSeries:
    """The windows of some variables in at most `points` points. A point that combines several
    windows has the least of their `min` and the greatest of their `max`.
    """
    return time_series.time_series(
        deps.target, query.asset, query.variables, query.time_range(deps.settings.zone),
        deps.settings, max_points=query.points,
    )  # fmt: skip


@router.get(
    "/power-curve",
    dependencies=[Depends(allow_only("asset", "start", "end"))],
    responses=openapi_responses(422, 503),
)
def one_curve(deps: Deps, query: Annotated[AssetQuery, Query()]) -> PowerCurve:
    """Power over wind speed: the means of the windows that have both, and their means in bins."""
    return power_curve.power_curve(
        deps.target, query.asset, query.time_range(deps.settings.zone), deps.settings
    )
