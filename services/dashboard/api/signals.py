"""`GET /api/signals` and `GET /api/signals/data`: the signals and their values."""

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Depends, Header, Query
from pydantic import AfterValidator, BaseModel, Field
from starlette.responses import Response

from services.dashboard.api.time_range import Names, TimeRangeQuery, without_nul
from services.dashboard.dependencies import Deps
from services.dashboard.exports import formats, signal_values, streaming_response
from services.dashboard.exports.formats import FormatName
from services.dashboard.exports.signal_values import Label, Shape
from services.dashboard.queries import signals
from services.dashboard.queries.signals import Signal
from shared.domain.job_request import MAX_ASSET_CHARS
from shared.errors import InvalidParameter
from shared.http.problem_details import openapi_responses
from shared.http.query_params import allow_only

LISTS = ("signals", "variables", "assets", "asset")
AssetName = Annotated[str, Field(min_length=1, max_length=MAX_ASSET_CHARS)]

router = APIRouter(prefix="/api", tags=["results"])


class WindowsQuery(TimeRangeQuery):
    """The windows that start in the time range."""

    variables: Names = Field(
        default_factory=list, description="Repeated or separated by commas; all if left out"
    )
    assets: Names = Field(default_factory=list, description="As `variables`")
    asset: Annotated[list[AssetName], AfterValidator(without_nul)] = Field(
        default_factory=list,
        description="One more asset, whose name may have commas; may be repeated",
    )
    label: Label = Field(
        "start", description="Whether a timestamp is the start or the end of its window"
    )
    format: FormatName | None = Field(None, description="Instead of the `Accept` header")
    spreadsheet: bool = Field(
        False, description="CSV only: a quote before text that a spreadsheet runs as a formula"
    )

    @property
    def all_assets(self) -> list[str]:
        """The names of `assets` and `asset`, each once."""
        return list(dict.fromkeys([*self.assets, *self.asset]))


class SignalDataQuery(WindowsQuery):
    """The values of some signals."""

    signals: Names = Field(default_factory=list, description="Names of signals, as `variables`")
    shape: Shape = Field(
        "long", description="`long`: a row for each value; `wide`: a column for each signal"
    )


class Values(BaseModel):
    """The response in JSON. A row in the shape `wide` has the value of each signal under its
    name.
    """

    data: list[dict[str, datetime | str | float | None]] = Field(
        examples=[[{"timestamp": "2025-12-05T00:00:00Z", "signal": "power_mean_10m", "value": 1.5}]]
    )


@router.get("/signals", dependencies=[Depends(allow_only())], responses=openapi_responses(422, 503))
def list_signals(deps: Deps) -> list[Signal]:
    """All signals of the target."""
    return signals.signals(deps.target)


@router.get(
    "/signals/data",
    response_model=Values,
    dependencies=[
        Depends(
            allow_only("start", "end", "shape", "label", "format", "spreadsheet", several=LISTS)
        )
    ],
    responses=streaming_response.openapi_responses(Values),
)
def data(
    deps: Deps,
    query: Annotated[SignalDataQuery, Query()],
    accept: Annotated[str | None, Header(include_in_schema=False)] = None,
) -> Response:
    """The values of signals, in the order of time. The response is streamed: a year needs no more
    memory of this service than a day.
    """
    format_name = formats.negotiate_format(query.format, accept)
    time_range = query.time_range(deps.settings.zone)
    selected = _select(deps, query)
    tables = signal_values.tables(
        deps.target, selected, time_range, shape=query.shape, label=query.label
    )
    schema, name = signal_values.schema(selected, query.shape), f"signals-{query.start[:10]}"
    return streaming_response.stream(
        format_name, schema, tables, name=name, spreadsheet=query.spreadsheet
    )


def _select(deps: Deps, query: SignalDataQuery) -> list[Signal]:
    selected = signals.select_signals(
        signals.signals(deps.target),
        names=query.signals, variables=query.variables, assets=query.all_assets,
    )  # fmt: skip
    if query.label == "end" and len({signal.window_s for signal in selected}) > 1:
        raise InvalidParameter(
            "label", "windows of several lengths have no common end: name the signals"
        )
    return selected
