"""`GET /api/data` and `POST /api/generate-data`: the source, through those who may touch it."""

import re
from datetime import UTC, date, timedelta
from typing import Annotated, Any

from fastapi import APIRouter, Depends, HTTPException, Query, Request
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, WithJsonSchema
from starlette.responses import Response

from services.dashboard.api import proxy
from services.dashboard.dependencies import Dependencies, Deps
from shared.errors import Conflict, InvalidParameter
from shared.http.app import require_json
from shared.http.content_negotiation import ARROW, CSV
from shared.http.problem_details import openapi_responses
from shared.http.query_params import Whole
from shared.sample_data.generator import PERIOD_MAX_S, PERIOD_MIN_S, count
from shared.sample_data.writer import SeedOptions, seed

MAX_SAMPLES = 2_000_000
"""Of all turbines: a few seconds of writing, while somebody waits; `minuano seed` makes more."""
MAX_DAYS = 3_660
_PERIOD = re.compile(r"([0-9]{1,6}(?:\.[0-9]{1,6})?) ?(s|sec|min|m|h)?")
_SECONDS = {"s": 1, "sec": 1, "min": 60, "m": 60, "h": 3600}

router = APIRouter(prefix="/api", tags=["source"])


def _seconds(given: Any) -> Any:
    """`60`, `"60s"` and `"1min"` are the same."""
    found = _PERIOD.fullmatch(given) if isinstance(given, str) else None
    if found is None and isinstance(given, str | bool):
        raise ValueError("write seconds, or a text such as 10s or 1min")
    if found is None:
        return given
    return float(found[1]) * _SECONDS[found[2] or "s"]


Period = Annotated[
    float,
    BeforeValidator(_seconds),
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
    """What to make."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"days": 10, "period": "1min"}]}
    )

    days: Whole = Field(ge=1, le=MAX_DAYS)
    period: Period | None = Field(
        None,
        description="From one sample to the next: seconds, or `10s`, `1min`; as the source is "
        "sampled if left out",
    )


class Generated(BaseModel):
    """What was made: whole days, both included."""

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
    start: Annotated[str, Query(description="First instant, ISO 8601", examples=["2025-12-05"])],
    end: Annotated[str | None, Query(description="First instant that is left out")] = None,
    variables: Annotated[list[str] | None, Query(description="All if left out")] = None,
    assets: Annotated[list[str] | None, Query(description="All if left out")] = None,
    limit: Annotated[str | None, Query(description="Samples of a page")] = None,
    cursor: Annotated[str | None, Query(description="`next` of the page before")] = None,
) -> Response:
    """Raw samples, a page at a time: passed on to the connector."""
    asked = request.query_params.multi_items()
    headers = {"Accept": request.headers.get("accept", "*/*")}
    return proxy.forward(deps.connector.client, "GET", "/data", params=asked, headers=headers)


@router.post(
    "/generate-data",
    status_code=201,
    responses=openapi_responses(403, 409, 413, 415, 422, 503),
    dependencies=[Depends(require_json)],
)
def generate(deps: Deps, asked: Generate) -> Generated:
    """Make sample data in the source: whole days in UTC after its newest sample, from 2025-12-01 on
    where it is empty, so that nothing is replaced. Only where the setting for sample data is on.
    """
    if deps.settings.sample_data_url is None:
        raise HTTPException(
            403,
            "no sample data are made here: MINUANO_SAMPLE_DATA_URL is not set, for it names the "
            "owner of a source that may be filled",
        )
    options = _options(deps, asked)
    made = seed(deps.settings.sample_data_url.get_secret_value(), options, lambda *_: None)
    last = options.start + timedelta(days=options.days - 1)
    return Generated(start=options.start, end=last, samples=made)


def _options(deps: Dependencies, asked: Generate) -> SeedOptions:
    settings, newest = deps.settings, deps.connector.extent().last
    period_s = asked.period or settings.sampling_period_s
    assets = _sample_turbines(deps) if settings.source_asset_column else 0
    start = SeedOptions().start
    if newest:  # what is made begins at midnight in UTC, whatever the site's zone
        start = newest.astimezone(UTC).date() + timedelta(days=1)
    samples = max(1, assets) * count(start, asked.days, period_s)
    if samples > MAX_SAMPLES:
        raise InvalidParameter(
            "days",
            f"these are {samples:,} samples; {MAX_SAMPLES:,} are allowed at a time "
            "(`minuano seed` makes more)",
        )
    return SeedOptions(
        start=start, days=asked.days, period_s=period_s, assets=assets,
        table=settings.source_table, time_column=settings.source_time_column,
        asset_column=settings.source_asset_column or SeedOptions().asset_column,
    )  # fmt: skip


def _sample_turbines(deps: Dependencies) -> int:
    """How many the source has, if they are called as those of the sample data: T01, T02 …"""
    there = deps.connector.assets()
    if foreign := sorted(set(there) - {f"T{n:02d}" for n in range(1, len(there) + 1)}):
        raise Conflict(f"the source has {foreign[0]}, which is none of the sample data's turbines")
    return len(there) or 1
