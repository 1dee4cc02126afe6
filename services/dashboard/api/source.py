"""`GET /api/data`: samples of the source; `POST /api/generate-data`: sample data for it."""

import re
from datetime import UTC, date
from typing import Annotated, Any

from fastapi import APIRouter, Depends, HTTPException, Query, Request
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, WithJsonSchema
from starlette.responses import Response

from services.dashboard.api import proxy
from services.dashboard.dependencies import Deps
from shared.domain.time_range import ONE_DAY
from shared.errors import Conflict, InvalidParameter
from shared.http.app import require_json
from shared.http.content_negotiation import ARROW, CSV
from shared.http.problem_details import openapi_responses
from shared.http.query_params import Whole
from shared.sample_data.generator import PERIOD_MAX_S, PERIOD_MIN_S, count
from shared.sample_data.writer import SeedOptions, seed

MAX_SAMPLES = 2_000_000
"""Of all assets together: writing takes a few seconds. `minuano seed` has no such limit."""
MAX_DAYS = 3_660
_PERIOD = re.compile(r"([0-9]{1,6}(?:\.[0-9]{1,6})?) ?(s|sec|min|m|h)?")
_SECONDS = {"s": 1, "sec": 1, "min": 60, "m": 60, "h": 3600}

router = APIRouter(prefix="/api", tags=["source"])


def _parse_period(value: Any) -> Any:
    """Seconds; `60`, `"60s"` and `"1min"` are the same."""
    if not isinstance(value, str | bool):
        return value
    if not (match := _PERIOD.fullmatch(str(value))):
        raise ValueError("write seconds, or a text such as 10s or 1min")
    return float(match[1]) * _SECONDS[match[2] or "s"]


Period = Annotated[
    float,
    BeforeValidator(_parse_period),
    Field(ge=PERIOD_MIN_S, le=PERIOD_MAX_S),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "number", "minimum": PERIOD_MIN_S, "maximum": PERIOD_MAX_S},
                {"type": "string", "pattern": f"^{_PERIOD.pattern}$"},
            ]
        }
    ),
]


class Generate(BaseModel):
    """The sample data to generate."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"days": 10, "period": "1min"}]}
    )

    days: Whole = Field(ge=1, le=MAX_DAYS)
    period: Period | None = Field(
        None,
        description="The sampling period: seconds, or a text such as `10s` or `1min`; that of the "
        "source if left out",
    )


class Generated(BaseModel):
    """The days that were generated, both included."""

    start: date
    end: date
    samples: int


@router.get(
    "/data",
    responses={
        200: {
            "description": "A page of samples, as the connector's `GET /data` describes it",
            "content": {
                "application/json": {"schema": {"type": "object"}},
                CSV: {"schema": {"type": "string"}},
                ARROW: {"schema": {"type": "string", "format": "binary"}},
            },
        },
        **openapi_responses(406, 422, 503, 504),
    },
)
def data(
    deps: Deps,
    request: Request,
    start: Annotated[str, Query(description="Included, ISO 8601", examples=["2025-12-05"])],
    end: Annotated[str | None, Query(description="Not included")] = None,
    variables: Annotated[list[str] | None, Query(description="All if left out")] = None,
    assets: Annotated[list[str] | None, Query(description="All if left out")] = None,
    limit: Annotated[str | None, Query(description="Samples per page")] = None,
    cursor: Annotated[str | None, Query(description="`next` of the previous page")] = None,
) -> Response:
    """Raw samples, a page at a time, answered by the connector."""
    params = request.query_params.multi_items()
    headers = {"Accept": request.headers.get("accept", "*/*")}
    return proxy.forward(deps.connector, "GET", "/data", params=params, headers=headers)


@router.post(
    "/generate-data",
    status_code=201,
    responses=openapi_responses(403, 409, 413, 415, 422, 503),
    dependencies=[Depends(require_json)],
)
def generate(deps: Deps, body: Generate) -> Generated:
    """Add sample data to the source: whole days in UTC after its newest sample, or from 2025-12-01
    if it is empty, so that no sample is replaced. A 403 unless MINUANO_SAMPLE_DATA_URL is set.
    """
    url = deps.settings.sample_data_url
    if url is None:
        raise HTTPException(
            403,
            "sample data is disabled: MINUANO_SAMPLE_DATA_URL, the owner of a source that may be "
            "filled, is not set",
        )
    options = _options(deps, body)
    samples = seed(url.get_secret_value(), options, lambda *_: None)
    end = options.start + (options.days - 1) * ONE_DAY
    return Generated(start=options.start, end=end, samples=samples)


def _options(deps: Deps, body: Generate) -> SeedOptions:
    settings, newest = deps.settings, deps.connector.extent().last
    period_s = body.period or settings.sampling_period_s
    assets = _sample_assets(deps) if settings.source_asset_column else 0
    start = SeedOptions().start
    if newest:  # sample data begins at midnight UTC in any time zone of the site
        start = newest.astimezone(UTC).date() + ONE_DAY
    samples = max(1, assets) * count(start, body.days, period_s)
    if samples > MAX_SAMPLES:
        raise InvalidParameter(
            "days",
            f"{samples:,} samples were requested; {MAX_SAMPLES:,} are allowed in one request "
            "(`minuano seed` makes more)",
        )
    return SeedOptions(
        start=start, days=body.days, period_s=period_s, assets=assets,
        table=settings.source_table, time_column=settings.source_time_column,
        asset_column=settings.source_asset_column or SeedOptions().asset_column,
    )  # fmt: skip


def _sample_assets(deps: Deps) -> int:
    """The number of assets in the source; `Conflict` unless they are those of the sample data:
    T01, T02 …
    """
    names = deps.connector.assets()
    if foreign := sorted(set(names) - {f"T{n:02d}" for n in range(1, len(names) + 1)}):
        raise Conflict(f"the source has {foreign[0]}, which is not an asset of the sample data")
    return len(names) or 1
