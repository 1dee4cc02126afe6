"""One page: its rows, in the exact schema, and the cursor of the next page."""

from dataclasses import dataclass, replace
from datetime import datetime

import pyarrow as pa
import pyarrow.compute as pc

from services.connector import cursor, overflow, page_sql
from services.connector.adbc_reader import Reader
from services.connector.cursor import Key
from services.connector.data_query import PageRequest
from services.connector.snapshots import RESOLUTION, Snapshots, SnapshotTooLarge, max_rows
from services.connector.source_table import ASSET, TIMESTAMP
from shared.domain import fingerprint
from shared.domain.batches import TIMESTAMP as TIMESTAMP_TYPE


@dataclass(frozen=True, slots=True)
class Page:
    """Rows ordered by (asset, timestamp); `next` is None on the last page."""

    table: pa.Table
    next: str | None


def read(reader: Reader, request: PageRequest) -> Page:
    """Read the requested page; each row of the range is on exactly one page. If the request has
    snapshots, no page divides one: `SnapshotTooLarge` if one has too many rows.
    """
    if request.snapshots is None:
        rows = _fetch(reader, request)
        page = rows.slice(0, page_length(rows, request.limit))
        more = rows.num_rows > request.limit
        return Page(page, _cursor(request, *_last_key(page)) if more else None)
    return _read_snapshots(reader, request, request.snapshots)


def _read_snapshots(reader: Reader, request: PageRequest, snapshots: Snapshots) -> Page:
    """All whole snapshots that fit on the page, or only the next one if it does not fit."""
    is_large = snapshots.expected_rows > request.limit
    limit = 1 if is_large else request.limit  # else rows would be read twice
    rows = _fetch(reader, replace(request, limit=limit))
    if rows.num_rows <= limit:
        return Page(rows, None)
    if count := _first_of_group(rows, limit, snapshots):
        page = rows.slice(0, count)
        timestamp, asset = _last_key(page)
        end = snapshots.time_range(timestamp, request.end).end
        return Page(page, _cursor(request, end - RESOLUTION, asset))
    return _read_snapshot(reader, request, snapshots, _last_key(rows.slice(0, 1)))


def _read_snapshot(reader: Reader, request: PageRequest, snapshots: Snapshots, key: Key) -> Page:
    """The whole snapshot of this key, in one statement."""
    start, end = snapshots.time_range(key.timestamp, request.end)
    limit = max_rows(len(request.variables))
    assets = () if key.asset is None else (key.asset,)
    snapshot = replace(request, start=start, end=end, assets=assets, after=None, limit=limit)
    rows = _fetch(reader, snapshot)
    if rows.num_rows > limit:
        raise SnapshotTooLarge(
            f"more than {limit} samples of {key.asset or 'the source'} from {start} to {end}: "
            "correct MINUANO_SAMPLING_PERIOD_S, which decides how long slices are"
        )
    after = Key(end - RESOLUTION, key.asset)
    if end == request.end and (key.asset is None or len(request.assets) == 1):
        return Page(rows, None)
    if not rows.num_rows:  # its rows were deleted meanwhile
        return read(reader, replace(request, after=after))
    return Page(rows, _cursor(request, *after))


def _fetch(reader: Reader, request: PageRequest) -> pa.Table:
    """The rows of the page, and at least one more if there is a next page."""
    columns = reader.fetch(page_sql.page(request)).columns
    rows = pa.Table.from_arrays(columns, schema=schema(request))
    overflow.warn(rows, request)
    return rows


def _cursor(request: PageRequest, timestamp: datetime, asset: str | None) -> str:
    return cursor.encode(Key(timestamp, asset), request.fingerprint)


def schema(request: PageRequest) -> pa.Schema:
    """`timestamp` in UTC, `asset` where the source has assets, then float64 columns."""
    asset = [(ASSET, pa.string())] if request.table.asset_column else []
    variables = [(name, pa.float64()) for name in request.variables]
    return pa.schema([(TIMESTAMP, TIMESTAMP_TYPE), *asset, *variables])


def page_length(rows: pa.Table, limit: int) -> int:
    """The number of rows of the page; `rows` has at least one more row if there is a next page. At
    most `limit`, and rows with equal keys stay together. Only a group of equal keys that is longer
    than `limit` makes a longer page.
    """
    count = int(rows.num_rows)
    return count if count <= limit else _first_of_group(rows, limit) or count


def _first_of_group(rows: pa.Table, row: int, snapshots: Snapshots | None = None) -> int:
    """The index of the first row with the same key, or in the same snapshot, as `row`."""
    head = rows.slice(0, row + 1)
    times = fingerprint.timestamps_of(head[TIMESTAMP])
    if snapshots:
        times = snapshots.numbers(times)
    same = pa.array(times == times[row])
    if has_asset(rows):
        same = pc.and_(same, pc.equal(head[ASSET], head[ASSET][row]))
    return int(pc.index(same, value=True).as_py())


def has_asset(rows: pa.Table) -> bool:
    """Whether the second column is the asset: it is text, while a variable named `asset` is not."""
    return bool(rows.num_columns > 1 and rows.schema.types[1] == pa.string())


def _last_key(page: pa.Table) -> Key:
    asset = page[ASSET][-1].as_py() if has_asset(page) else None
    return Key(page[TIMESTAMP][-1].as_py(), asset)
