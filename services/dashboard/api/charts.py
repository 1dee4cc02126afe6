"""`GET /api/series` and `GET /api/power-curve`: what the charts draw, and others may."""

from datetime import datetime
from typing import Annotated
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Depends, Query
from pydantic import BaseModel, Field, field_validator

from services.dashboard.api.time_range import TimeRangeQuery, without_nul
from services.dashboard.dependencies import Deps
from services.dashboard.queries import assets, power_curve, time_series
from services.dashboard.queries.power_curve import Bin
from services.dashboard.queries.time_series import Grid, Values
from shared.domain.job_request import MAX_ASSET_CHARS
from shared.http.problem_details import openapi_responses
from shared.http.query_params import Listed, allow_only, parse_list, require_unique

MAX_POINTS = 5_000
DEFAULT_POINTS = 1_200

router = APIRouter(prefix="/api", tags=["charts"])


class AssetQuery(TimeRangeQuery):
    """One asset from `start` until `end`."""

    asset: str = Field(
        "", max_length=MAX_ASSET_CHARS, pattern=r"^[^\x00]*$",
        description="Empty where the source has no assets",
    )  # fmt: skip


class SeriesQuery(AssetQuery):
    """Which variables, in how many points."""

    variables: list[Listed] = Field(
        min_length=1, max_length=8, description="Repeated or separated by commas"
    )
    points: int = Field(
        DEFAULT_POINTS, ge=1, le=MAX_POINTS,
        description="At most so many points: about the pixels of the chart",
    )  # fmt: skip

    @field_validator("variables", mode="after")
    @classmethod
    def _split(cls, given: list[str]) -> list[str]:
        return require_unique(parse_list(without_nul(given)))


class VariableSeries(BaseModel):
    """One variable; each list has one value for each point, null where there is no window."""

    variable: str
    unit: str | None
    mean: Values = Field(description="Of the windows' means; of directions, as unit vectors")
    min: Values
    max: Values
    std: Values = Field(description="Only where a point is one window: std is never averaged")


class SeriesOut(BaseModel):
    """Point n stands for the windows from `start + n · step_s` on."""

    asset: str
    start: datetime
    end: datetime
    window_s: int
    step_s: int
    series: list[VariableSeries]


class CurveOut(BaseModel):
    """Bins of 0.5 m/s around multiples of it."""

    asset: str
    start: datetime
    end: datetime
    wind_unit: str | None
    power_unit: str | None
    points: list[tuple[float, float]] = Field(
        description="Wind and power of each window; evenly taken from all where these are more "
        f"than {power_curve.MAX_POINTS:,}"
    )
    bins: list[Bin]


@router.get(
    "/series",
    dependencies=[Depends(allow_only("asset", "start", "end", "points", several=["variables"]))],
    responses=openapi_responses(422, 503),
)
def one_series(deps: Deps, query: Annotated[SeriesQuery, Query()]) -> SeriesOut:
    """The windows of some variables, in at most `points` points: where a point stands for several
    windows, its `min` is the least of theirs and its `max` the greatest.
    """
    settings = deps.settings
    start, end = query.bounds(ZoneInfo(settings.source_timezone))
    span = Grid.cut(start, end, window_s=settings.window_s, points=query.points)
    units = assets.units(deps.target, settings.window_s, query.asset)
    found = [
        time_series.time_series(
            deps.target, query.asset, name, span, circular=settings.circular_names
        )
        for name in query.variables
    ]
    return SeriesOut(
        asset=query.asset, start=start, end=end, window_s=span.window_s, step_s=span.step_s,
        series=[
            VariableSeries(
                variable=each.variable, unit=units.get(each.variable),
                mean=each.mean, min=each.min, max=each.max, std=each.std,
            )
            for each in found
        ],
    )  # fmt: skip


@router.get(
    "/power-curve",
    dependencies=[Depends(allow_only("asset", "start", "end"))],
    responses=openapi_responses(422, 503),
)
def one_curve(deps: Deps, query: Annotated[AssetQuery, Query()]) -> CurveOut:
    """Power over wind: the means of the windows that have both, and their means in bins."""
    settings = deps.settings
    start, end = query.bounds(ZoneInfo(settings.source_timezone))
    wind, power = settings.wind_variable, settings.power_variable
    units = assets.units(deps.target, settings.window_s, query.asset)
    curve = power_curve.power_curve(
        deps.target, query.asset, start, end, window_s=settings.window_s, wind=wind, power=power
    )
    return CurveOut(
        asset=query.asset, start=start, end=end, wind_unit=units.get(wind),
        power_unit=units.get(power), points=curve.points, bins=curve.bins,
    )  # fmt: skip
