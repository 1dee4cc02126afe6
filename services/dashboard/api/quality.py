"""`GET /api/quality`: the windows that are not perfect."""

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Depends, Header, Query
from pydantic import BaseModel, Field
from starlette.responses import Response

from services.dashboard.api.signals import WindowsQuery
from services.dashboard.dependencies import Deps
from services.dashboard.exports import formats, quality_rows, streaming_response
from shared.http.query_params import allow_only

LISTS = ("variables", "assets", "asset")

router = APIRouter(prefix="/api", tags=["results"])


class Window(BaseModel):
    """A window that misses samples or has a flag."""

    timestamp: datetime
    asset: str
    variable: str
    window_s: int
    count: int = Field(description="Finite samples found")
    expected: int
    flags: int = Field(
        description="Sum of 1 incomplete, 2 non_finite, 4 duplicate, 8 frozen, 16 out_of_range"
    )
    flag_names: str = Field(description="The names of the flags, separated by blanks")


class QualityWindows(BaseModel):
    """The response in JSON."""

    data: list[Window]


@router.get(
    "/quality",
    response_model=QualityWindows,
    dependencies=[
        Depends(allow_only("start", "end", "label", "format", "spreadsheet", several=LISTS))
    ],
    responses=streaming_response.openapi_responses(QualityWindows),
)
def quality(
    deps: Deps,
    query: Annotated[WindowsQuery, Query()],
    accept: Annotated[str | None, Header(include_in_schema=False)] = None,
) -> Response:
    """The windows that are not perfect, in the order of time. A window that is not listed has every
    expected sample and no flag.
    """
    format_name = formats.negotiate_format(query.format, accept)
    tables = quality_rows.tables(
        deps.target, query.time_range(deps.settings.zone),
        variables=query.variables, assets=query.all_assets, label=query.label,
    )  # fmt: skip
    return streaming_response.stream(
        format_name, quality_rows.SCHEMA, tables, name=f"quality-{query.start[:10]}",
        spreadsheet=query.spreadsheet,
    )  # fmt: skip
