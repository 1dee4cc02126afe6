"""The parameters of `GET /data`, and the page request that they stand for."""

import re
import uuid
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Annotated, Any
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, BaseModel, Field

from services.connector import cursor
from services.connector.cursor import Key
from services.connector.settings import ConnectorSettings
from services.connector.snapshots import Snapshots
from services.connector.source_table import AssetKind, SourceTable
from shared.domain import local_time
from shared.domain.job_request import MAX_ASSET_CHARS, MAX_ASSETS
from shared.domain.time_range import TimeRange
from shared.errors import InvalidParameter
from shared.http.query_params import Instant, Listed, instant, parse_list, require_unique

MAX_NAMES_SHOWN = 50
MAX_SNAPSHOT_S = 172_800
INTEGER_END = 2**63
_INTEGER = re.compile(r"-?\d{1,19}", re.ASCII)
Names = Annotated[list[Listed], AfterValidator(parse_list), AfterValidator(require_unique)]
AssetName = Annotated[str, Field(min_length=1, max_length=MAX_ASSET_CHARS)]


class SampleSelection(BaseModel):
    """The parameters that select variables and assets."""

    variables: Names = Field(
        default_factory=list, description="Repeated or separated by commas; all if omitted"
    )
    assets: Names = Field(
        default_factory=list,
        description=f"As `variables`, at most {MAX_ASSETS}; only where the source has assets",
    )
    asset: Annotated[list[AssetName], AfterValidator(require_unique)] = Field(
        default_factory=list,
        description="Instead of `assets`: one exact name, which may contain commas and outer "
        "blanks; may be repeated",
    )


class SampleQuery(SampleSelection):
    """The parameters of `GET /data`."""

    start: Instant = Field(
        description="First timestamp: ISO 8601 with an offset; without an offset, or for a date, "
        "in the source's time zone",
        examples=["2025-12-05", "2025-12-05T00:00:00Z"],
    )
    end: Instant | None = Field(
        None, description="End of the range, excluded; the end of `start`'s day if omitted"
    )
    spreadsheet: bool = Field(
        False, description="CSV only: a quote before text that a spreadsheet runs as a formula"
    )
    limit: int | None = Field(None, ge=1, description="Maximum number of rows of a page")
    cursor: str | None = Field(
        None, max_length=1024, description="The `next` of the previous page of the same query"
    )
    snapshot_s: int | None = Field(
        None,
        ge=1,
        le=MAX_SNAPSHOT_S,
        description="Divides the range into snapshots of so many seconds. All rows that one asset "
        "has in a snapshot are on one page, as they were at one moment, also if these are more "
        "than `limit`",
    )


@dataclass(frozen=True, slots=True)
class PageRequest:
    """One page of samples: `start` and `end` in UTC, `assets` as values of their column. It does
    not divide `snapshots`.
    """

    table: SourceTable
    start: datetime
    end: datetime
    variables: tuple[str, ...]
    assets: tuple[Any, ...]
    limit: int
    after: Key | None = None
    snapshots: Snapshots | None = None

    @property
    def fingerprint(self) -> bytes:
        """Identifies the query: all its pages have the same fingerprint."""
        return cursor.fingerprint(
            self.table.identity, self.start, self.end, self.variables, self.assets
        )


def to_page_request(
    query: SampleQuery, table: SourceTable, settings: ConnectorSettings
) -> PageRequest:
    """The page that the query requests from this table; else `InvalidParameter`."""
    time_range = _time_range(query, settings.zone)
    request = first_page(query, table, time_range, _limit(query, settings))
    if query.snapshot_s is not None:
        length, expected = timedelta(seconds=query.snapshot_s), settings.sampling_period_s
        snapshots = Snapshots(request.start, length, query.snapshot_s / expected)
        request = replace(request, snapshots=snapshots)
    return request if query.cursor is None else replace(request, after=_key(query.cursor, request))


def first_page(
    query: SampleSelection, table: SourceTable, time_range: TimeRange, limit: int
) -> PageRequest:
    """The first page of the selected variables and assets; else `InvalidParameter`."""
    variables, assets = _select_variables(query, table), _select_assets(query, table)
    return PageRequest(table, *time_range, variables, assets, limit)


def _time_range(query: SampleQuery, zone: ZoneInfo) -> TimeRange:
    start = instant("start", query.start, zone)
    if query.end is None:
        return TimeRange(start, local_time.end_of_day(start, zone))
    end = instant("end", query.end, zone)
    if end <= start:
        raise InvalidParameter(
            "end", f"{end.isoformat()} is not after `start`, {start.isoformat()}"
        )
    return TimeRange(start, end)


def _select_variables(query: SampleSelection, table: SourceTable) -> tuple[str, ...]:
    """The requested variables, or all."""
    if unknown := [name for name in query.variables if name not in table.variables]:
        known = ", ".join(list(table.variables)[:MAX_NAMES_SHOWN])
        raise InvalidParameter("variables", f"unknown: {', '.join(unknown)}; allowed: {known}")
    return tuple(query.variables or table.variables)


def _select_assets(query: SampleSelection, table: SourceTable) -> tuple[Any, ...]:
    """The requested assets as values of their column; empty means all."""
    field, names = ("asset", query.asset) if query.asset else ("assets", query.assets)
    if query.asset and query.assets:
        raise InvalidParameter(field, "give either `asset` or `assets`, not both")
    if names and table.asset_column is None:
        raise InvalidParameter(field, "the source has no asset column: omit this parameter")
    if len(names) > MAX_ASSETS:
        raise InvalidParameter(field, f"{len(names)} assets; {MAX_ASSETS} are allowed")
    try:
        return tuple(parse_asset(name, table.asset_kind) for name in names)
    except ValueError as error:
        raise InvalidParameter(field, str(error)) from None


def parse_asset(name: str, kind: AssetKind) -> str | int:
    """An asset as a value of its column; ValueError if the column cannot hold it."""
    if "\x00" in name:  # PostgreSQL stores every other character
        raise ValueError(f"{name!r}: an asset's name cannot contain NUL")
    if kind in ("text", "enum"):
        return name
    if kind == "uuid":
        return str(uuid.UUID(name))
    number = int(name) if _INTEGER.fullmatch(name) else INTEGER_END
    if not -INTEGER_END <= number < INTEGER_END:
        raise ValueError(f"{name!r}: the assets of this source are 64-bit integers")
    return number


def _limit(query: SampleQuery, settings: ConnectorSettings) -> int:
    if query.limit is not None and query.limit > settings.max_page_rows:
        raise InvalidParameter(
            "limit", f"{query.limit} rows; allowed: 1 to {settings.max_page_rows}"
        )
    return query.limit or settings.default_limit


def _key(text: str, request: PageRequest) -> Key:
    try:
        return _require_fit(cursor.decode(text, request.fingerprint), request.table)
    except ValueError as error:
        raise InvalidParameter(
            "cursor", f"not a cursor of this query ({error}): omit it to get the first page"
        ) from None


def _require_fit(key: Key, table: SourceTable) -> Key:
    if (key.asset is None) != (table.asset_column is None):
        raise ValueError("its key does not fit the source")
    if key.asset is not None:
        parse_asset(key.asset, table.asset_kind)
    return key
