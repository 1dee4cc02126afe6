"""`GET /api/quality`: the windows that are not perfect."""

from datetime import datetime
from functools import partial
from typing import Annotated
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Depends, Header, Query
from pydantic import BaseModel, Field
from starlette.responses import Response

from services.dashboard.api.signals import WindowsQuery
from services.dashboard.dependencies import Deps
from services.dashboard.exports import formats, quality_rows, streaming_response
from shared.http.query_params import allow_only

SEVERAL = ("variable", "assets", "asset")

router = APIRouter(prefix="/api", tags=["results"])


class Window(BaseModel):
    """A window with fewer samples than it should have, or with a flag."""

    timestamp: datetime
    asset: str
    variable: str
    window_s: int
    count: int = Field(description="Finite samples found")
    expected: int
    flags: int = Field(
        description="Sum of 1 incomplete, 2 non_finite, 4 duplicate, 8 frozen, 16 out_of_range"
    )
    flag_names: str = Field(description="The same as words, separated by blanks")


class Windows(BaseModel):
    """As it is in JSON."""

    data: list[Window]


@router.get(
    "/quality",
    response_model=Windows,
    dependencies=[Depends(allow_only("start", "end", "label", "format", several=SEVERAL))],
    responses=streaming_response.openapi_responses(Windows),
)
def quality(
    deps: Deps,
    query: Annotated[WindowsQuery, Query()],
    accept: Annotated[str | None, Header(include_in_schema=False)] = None,
) -> Response:
    """The windows that are not perfect, in the order of time; all others have each sample."""
    form = formats.negotiate_format(query.format, accept)
    bounds = query.bounds(ZoneInfo(deps.settings.source_timezone))
    read = partial(
        quality_rows.tables, deps.target, bounds, variables=query.variable,
        assets=query.all_assets, label=query.label,
    )  # fmt: skip
    return streaming_response.stream(
        form, quality_rows.SCHEMA, read, name=f"quality-{query.start[:10]}"
    )
