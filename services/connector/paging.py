"""One page: its rows, in the exact schema, and the cursor of the next page."""

from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from services.connector import cursor, page_sql
from services.connector.adbc_reader import Reader
from services.connector.cursor import Key
from services.connector.data_query import PageRequest
from services.connector.source_table import ASSET, TIMESTAMP
from shared.domain.batches import TIMESTAMP as TIMESTAMP_TYPE


@dataclass(frozen=True, slots=True)
class Page:
    """Rows ordered by (asset, timestamp); `next` is None on the last page."""

    table: pa.Table
    next: str | None


def read(reader: Reader, request: PageRequest) -> Page:
    """Read the requested page; each row of the range is on exactly one page."""
    columns = reader.fetch(page_sql.page(request)).columns
    rows = pa.Table.from_arrays(columns, schema=schema(request))
    page = rows.slice(0, page_length(rows, request.limit))
    more = rows.num_rows > request.limit
    return Page(page, cursor.encode(_last_key(page), request.fingerprint) if more else None)


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


def _first_of_group(rows: pa.Table, row: int) -> int:
    """The index of the first row with the same key as `row`."""
    head = rows.slice(0, row + 1)
    same = pc.equal(head[TIMESTAMP], head[TIMESTAMP][row])
    if has_asset(rows):
        same = pc.and_(same, pc.equal(head[ASSET], head[ASSET][row]))
    return int(pc.index(same, value=True).as_py())


def has_asset(rows: pa.Table) -> bool:
    """Whether the second column is the asset: it is text, while a variable named `asset` is not."""
    return bool(rows.num_columns > 1 and rows.schema.types[1] == pa.string())


def _last_key(page: pa.Table) -> Key:
    asset = page[ASSET][-1].as_py() if has_asset(page) else None
    return Key(page[TIMESTAMP][-1].as_py(), asset)
