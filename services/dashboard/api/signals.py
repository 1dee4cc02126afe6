"""`GET /api/signals` and `GET /api/signals/data`: what there is, and its values."""

from datetime import datetime
from functools import partial
from typing import Annotated
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Depends, Header, Query
from pydantic import BaseModel, Field, field_validator
from starlette.responses import Response

from services.dashboard.api.time_range import TimeRangeQuery, without_nul
from services.dashboard.dependencies import Deps
from services.dashboard.exports import formats, signal_values, streaming_response
from services.dashboard.exports.signal_values import Label, Shape
from services.dashboard.exports.streaming_response import FormName
from services.dashboard.queries import signals
from shared.domain.job_request import MAX_ASSET_CHARS
from shared.errors import InvalidParameter
from shared.http.problem_details import openapi_responses
from shared.http.query_params import Listed, allow_only, parse_list, require_unique

SEVERAL = ("signals", "variable", "assets", "asset")
router = APIRouter(prefix="/api", tags=["results"])


class SignalOut(BaseModel):
    """One statistic of one variable of one asset."""

    name: str
    asset: str = Field(description="Empty where the source has no assets")
    variable: str
    statistic: str
    window_s: int
    unit: str | None
    ddof: int | None = Field(description="Delta degrees of freedom; only of std")


class WindowsQuery(TimeRangeQuery):
    """Which windows: those that begin in `[start, end)`."""

    variable: list[Listed] = Field(
        default_factory=list, description="Repeated or separated by commas; all if left out"
    )
    assets: list[Listed] = Field(default_factory=list, description="As `variable`")
    asset: list[Annotated[str, Field(min_length=1, max_length=MAX_ASSET_CHARS)]] = Field(
        default_factory=list,
        description="Beside `assets`: one name as it is, with its commas; may be repeated",
    )
    label: Label = Field("start", description="Whether a stamp is its window's start or end")
    format: FormName | None = Field(None, description="Instead of the `Accept` header")

    @field_validator("variable", "assets", "signals", mode="after", check_fields=False)
    @classmethod
    def _split(cls, given: list[str]) -> list[str]:
        return require_unique(parse_list(given))

    @field_validator("variable", "assets", "asset", "signals", mode="after", check_fields=False)
    @classmethod
    def _without_nul(cls, given: list[str]) -> list[str]:
        return list(without_nul(given))

    @property
    def all_assets(self) -> list[str]:
        """Those of both lists."""
        return list(dict.fromkeys([*self.assets, *self.asset]))


class DataQuery(WindowsQuery):
    """Which values, and in which shape."""

    signals: list[Listed] = Field(default_factory=list, description="Names, as `variable`")
    shape: Shape = Field(
        "long", description="`long`: a row for each value; `wide`: a column for each signal"
    )


class Values(BaseModel):
    """As it is in JSON: in the shape `wide` a row has each signal's value under its name."""

    data: list[dict[str, datetime | str | float | None]] = Field(
        examples=[[{"timestamp": "2025-12-05T00:00:00Z", "signal": "power_mean_10m", "value": 1.5}]]
    )


@router.get("/signals", dependencies=[Depends(allow_only())], responses=openapi_responses(422, 503))
def listed(deps: Deps) -> list[SignalOut]:
    """Every signal that stands in the target."""
    return [
        SignalOut(
            name=each.name, asset=each.asset, variable=each.variable, statistic=each.statistic,
            window_s=each.window_s, unit=each.unit, ddof=each.ddof,
        )
        for each in signals.signals(deps.target)
    ]  # fmt: skip


@router.get(
    "/signals/data",
    response_model=Values,
    dependencies=[Depends(allow_only("start", "end", "shape", "label", "format", several=SEVERAL))],
    responses=streaming_response.openapi_responses(Values),
)
def data(
    deps: Deps,
    query: Annotated[DataQuery, Query()],
    accept: Annotated[str | None, Header(include_in_schema=False)] = None,
) -> Response:
    """The values of signals, in the order of time; streamed, so that a year is no more than a day
    to this service.
    """
    form = formats.negotiate_format(query.format, accept)
    bounds = query.bounds(ZoneInfo(deps.settings.source_timezone))
    chosen = signals.select_signals(
        signals.signals(deps.target),
        names=query.signals, variables=query.variable, assets=query.all_assets,
    )  # fmt: skip
    if query.label == "end" and len({signal.window_s for signal in chosen}) > 1:
        raise InvalidParameter(
            "label", "windows of several lengths have no common end: name the signals"
        )
    read = partial(
        signal_values.tables, deps.target, chosen, bounds, shape=query.shape, label=query.label
    )
    name = f"signals-{query.start[:10]}"
    return streaming_response.stream(
        form, signal_values.schema(chosen, query.shape), read, name=name
    )
