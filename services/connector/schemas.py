"""The OpenAPI document of `GET /data`; `formats` writes its responses."""

from datetime import datetime
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


_HEADERS = {"Minuano-Rows": "Number of rows of this page", "Vary": "`Accept`"}
_HEADERS_OF_NEXT_PAGE = {
    "Link": '`<…>; rel="next"`: the URL of the next page; absent on the last one',
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
            **problem_details.headers(_HEADERS),
            **problem_details.headers(_HEADERS_OF_NEXT_PAGE, required=False),
        },
    },
    **problem_details.openapi_responses(406, 413, 422, 500, 504),
}
