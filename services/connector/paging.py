"""One page: the rows, in the exact schema, and where the next page begins."""

from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from services.connector import cursor, page_sql
from services.connector.adbc_reader import Reader
from services.connector.cursor import Key
from services.connector.data_query import PageRequest
from services.connector.source_table import ASSET, TIMESTAMP, SourceTable

TIMESTAMP_TYPE = pa.timestamp("us", tz="UTC")


@dataclass(frozen=True, slots=True)
class Page:
    """Rows ordered by (asset, timestamp); `next` is None on the last page."""

    table: pa.Table
    next: str | None


def read(reader: Reader, source: SourceTable, ask: PageRequest) -> Page:
    """Read the page that `ask` names; every row of the range is on exactly one page."""
    found = reader.fetch(page_sql.page(source, ask))
    table = pa.Table.from_arrays(found.columns, schema=schema(source, ask.variables))
    rows = page_length(table, ask.limit)
    page = table.slice(0, rows)
    more = table.num_rows > ask.limit
    return Page(page, cursor.encode(_last_key(page), ask.fingerprint) if more else None)


def schema(source: SourceTable, variables: tuple[str, ...]) -> pa.Schema:
    """`timestamp` in UTC, `asset` where the source has them, then float64 columns."""
    asset = [(ASSET, pa.string())] if source.asset else []
    return pa.schema([(TIMESTAMP, TIMESTAMP_TYPE), *asset, *((v, pa.float64()) for v in variables)])


def page_length(table: pa.Table, limit: int) -> int:
    """How many rows make the page, of a table that has one row more if there is one: at most
    `limit`, but never a part of a group of rows with one key. A group that alone is longer than
    `limit` comes whole.
    """
    rows = int(table.num_rows)
    return rows if rows <= limit else _first_of_group(table, limit) or rows


def _first_of_group(table: pa.Table, row: int) -> int:
    """The first row of the group that `row` belongs to."""
    head = table.slice(0, row + 1)
    same = pc.equal(head[TIMESTAMP], head[TIMESTAMP][row])
    if ASSET in _keys(table):
        same = pc.and_(same, pc.equal(head[ASSET], head[ASSET][row]))
    return int(pc.index(same, value=True).as_py())


def has_asset(table: pa.Table) -> bool:
    """A variable may be called `asset` where the source has none; the asset's name is text."""
    return bool(table.num_columns > 1 and table.schema.types[1] == pa.string())


def _keys(table: pa.Table) -> list[str]:
    return [TIMESTAMP, ASSET] if has_asset(table) else [TIMESTAMP]


def _last_key(page: pa.Table) -> Key:
    last = {name: page[name][-1].as_py() for name in _keys(page)}
    return Key(last[TIMESTAMP], last.get(ASSET))
