"""The answers as they are documented; `/data` itself is written column-wise, not through these."""

from datetime import date, datetime
from typing import Any

from pydantic import BaseModel, Field

from shared.http import problem_details
from shared.http.content_negotiation import ARROW, CSV


class DataPage(BaseModel):
    """One page of samples."""

    data: list[dict[str, datetime | str | float | None]] = Field(
        description="Ordered by (asset, timestamp). NaN and infinities are null in JSON; "
        "CSV and Arrow keep them.",
        examples=[[{"timestamp": "2025-12-05T00:00:00Z", "wind_speed": 7.1, "power": 1204.5}]],
    )
    next: str | None = Field(description="`cursor` of the next page; null on the last one")


class Variable(BaseModel):
    """A numeric column of the source."""

    name: str
    type: str = Field(description="The type in PostgreSQL; it is delivered as float64")
    unit: str | None = None


class Span(BaseModel):
    """First and last stamp; null where there are no samples."""

    first: datetime | None
    last: datetime | None


class AssetSpan(Span):
    """First and last stamp of one asset."""

    asset: str


class Extent(Span):
    """The whole source, and each asset where there are assets."""

    assets: list[AssetSpan]


class DayPrint(BaseModel):
    """What one asset's local day holds: equal samples have equal fingerprints."""

    asset: str = Field(description="Empty where the source has no assets")
    day: date
    rows: int
    fingerprints: dict[str, str] = Field(
        description="Of each variable: 16 hexadecimal digits, the sum modulo 2**64 of one hash per "
        "value; all 0 where every value is missing",
        examples=[{"wind_speed": "2ef026341f40c9a2"}],
    )


_OF_EACH_PAGE = {"Minuano-Rows": "Rows of this page", "Vary": "`Accept`"}
_OF_ALL_BUT_THE_LAST = {
    "Link": '`<…>; rel="next"`: the whole URL of the next page; absent on the last one',
    "Minuano-Next": "The cursor of the next page; absent on the last one",
}
DATA: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "A page of samples",
        "content": {
            CSV: {"schema": {"type": "string"}},
            ARROW: {"schema": {"type": "string", "format": "binary"}},
        },
        "headers": {
            **problem_details.headers(_OF_EACH_PAGE),
            **problem_details.headers(_OF_ALL_BUT_THE_LAST, required=False),
        },
    },
    **problem_details.openapi_responses(406, 422, 504),
}
