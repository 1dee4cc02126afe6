"""What `GET /data` may be asked, and what a request comes down to."""

import re
import uuid
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any
from zoneinfo import ZoneInfo

from pydantic import BaseModel, Field, field_validator

from services.connector import cursor
from services.connector.cursor import Key
from services.connector.settings import ConnectorSettings
from services.connector.source_table import AssetKind, SourceTable
from shared.domain import local_time
from shared.domain.job_request import MAX_ASSET_CHARS, MAX_ASSETS
from shared.http.problem_details import invalid_parameter
from shared.http.query_params import Instant, Listed, instant, parse_list, require_unique

MAX_NAMES_SHOWN = 50
INTEGER_END = 2**63
_INTEGER = re.compile(r"-?\d{1,19}", re.ASCII)


class Selection(BaseModel):
    """Which variables of which assets, as they are written."""

    variables: list[Listed] = Field(
        default_factory=list, description="Repeated or separated by commas; all if left out"
    )
    assets: list[Listed] = Field(
        default_factory=list,
        description=f"As `variables`, at most {MAX_ASSETS}; only where the source has assets",
    )
    asset: list[Annotated[str, Field(min_length=1, max_length=MAX_ASSET_CHARS)]] = Field(
        default_factory=list,
        description="Instead of `assets`: one name as it is, with its commas and outer blanks; "
        "may be repeated",
    )

    @field_validator("variables", "assets", mode="after")
    @classmethod
    def _split(cls, given: list[str]) -> list[str]:
        return parse_list(given)

    @field_validator("variables", "assets", "asset", mode="after")
    @classmethod
    def _each_once(cls, given: list[str]) -> list[str]:
        return require_unique(given)


class DataQuery(Selection):
    """The parameters of `GET /data` as they are written."""

    start: Instant = Field(
        description="First instant: ISO 8601 with an offset; without one, or for a date alone, "
        "in the source's time zone",
        examples=["2025-12-05", "2025-12-05T00:00:00Z"],
    )
    end: Instant | None = Field(
        None, description="First instant that is not read; the end of `start`'s day if left out"
    )
    limit: int | None = Field(None, ge=1, description="Rows of a page")
    cursor: str | None = Field(
        None, max_length=1024, description="The `next` of the page before, for the same query"
    )


@dataclass(frozen=True, slots=True)
class PageRequest:
    """One page of samples: `start` and `end` in UTC, `assets` as values of their column."""

    start: datetime
    end: datetime
    variables: tuple[str, ...]
    assets: tuple[Any, ...]
    limit: int
    after: Key | None
    fingerprint: bytes


def to_page_request(
    query: DataQuery, source: SourceTable, settings: ConnectorSettings
) -> PageRequest:
    """Judge a request against the source; what does not fit is a 422 that says what would."""
    start, end = _range(query, ZoneInfo(source.zone))
    variables = variables_of(query, source)
    assets = assets_of(query, source)
    fingerprint = cursor.fingerprint(source.identity, start, end, variables, assets)
    return PageRequest(
        start=start,
        end=end,
        variables=variables,
        assets=assets,
        limit=_limit(query, settings),
        after=_after(query, source, fingerprint),
        fingerprint=fingerprint,
    )


def _range(query: DataQuery, zone: ZoneInfo) -> tuple[datetime, datetime]:
    start = instant("start", query.start, zone)
    end = (
        instant("end", query.end, zone)
        if query.end is not None
        else local_time.end_of_day(start, zone)
    )
    if end <= start:
        raise invalid_parameter(
            "end", f"{end.isoformat()} is not after `start`, {start.isoformat()}"
        )
    return start, end


def variables_of(query: Selection, source: SourceTable) -> tuple[str, ...]:
    if unknown := [name for name in query.variables if name not in source.variables]:
        there = ", ".join(list(source.variables)[:MAX_NAMES_SHOWN])
        raise invalid_parameter("variables", f"unknown: {', '.join(unknown)}; there are: {there}")
    return tuple(query.variables or source.variables)


def assets_of(query: Selection, source: SourceTable) -> tuple[Any, ...]:
    field, names = ("asset", query.asset) if query.asset else ("assets", query.assets)
    if query.asset and query.assets:
        raise invalid_parameter(field, "given beside `assets`: name all of them in one of the two")
    if names and source.asset is None:
        raise invalid_parameter(field, "this source has no asset column: leave it out")
    if len(names) > MAX_ASSETS:
        raise invalid_parameter(field, f"{len(names)} named; {MAX_ASSETS} are allowed")
    try:
        return tuple(asset_value(name, source.asset_kind) for name in names)
    except ValueError as error:
        raise invalid_parameter(field, str(error)) from None


def asset_value(text: str, kind: AssetKind) -> str | int:
    """An asset as a parameter for its column; ValueError where the column can't hold it."""
    if "\x00" in text:  # anything else may stand in a source, and what stands there can be read
        raise ValueError(f"{text!r}: no asset has a NUL in its name")
    if kind == "text":
        return text
    if kind == "uuid":
        return str(uuid.UUID(text))
    number = int(text) if _INTEGER.fullmatch(text) else INTEGER_END
    if not -INTEGER_END <= number < INTEGER_END:
        raise ValueError(f"{text!r}: the assets of this source are integers")
    return number


def _limit(query: DataQuery, settings: ConnectorSettings) -> int:
    if query.limit is not None and query.limit > settings.max_page_rows:
        raise invalid_parameter(
            "limit", f"{query.limit} rows; 1 to {settings.max_page_rows} are allowed"
        )
    return query.limit or settings.default_limit


def _after(query: DataQuery, source: SourceTable, fingerprint: bytes) -> Key | None:
    if query.cursor is None:
        return None
    try:
        return _fitting(cursor.decode(query.cursor, fingerprint), source)
    except ValueError as error:
        raise invalid_parameter(
            "cursor", f"not a cursor of this query ({error}): begin without one"
        ) from None


def _fitting(key: Key, source: SourceTable) -> Key:
    if (key.asset is None) != (source.asset is None):
        raise ValueError("its key does not fit the source")
    if key.asset is not None:
        asset_value(key.asset, source.asset_kind)
    return key
