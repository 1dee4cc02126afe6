"""The formats of a page."""

from collections.abc import Callable, Mapping

import orjson

from services.connector.paging import Page
from shared.domain.arrow_codec import ipc_stream
from shared.http import spreadsheet_cells, table_encoding
from shared.http.content_negotiation import ARROW, CSV, JSON

ROWS_PER_BATCH = 10_000


def as_arrow(page: Page) -> bytes:
    """An Arrow IPC stream; NaN, infinities and nulls stay distinct."""
    return ipc_stream(page.table)


def as_json(page: Page) -> bytes:
    """`{"data": [row, …], "next": cursor}`."""
    # In batches: a page as Python objects would need ten times the memory.
    batches = page.table.to_batches(max_chunksize=ROWS_PER_BATCH)
    rows = [table_encoding.json_rows(batch) for batch in batches if batch.num_rows]
    separated = [b","] * (2 * len(rows) - 1)
    separated[::2] = rows
    # One join: each concatenation would copy the whole page.
    return b"".join([b'{"data":[', *separated, b'],"next":', orjson.dumps(page.next), b"}"])


def as_spreadsheet_csv(page: Page) -> bytes:
    """CSV with a quote before each text that a spreadsheet would run as a formula."""
    return table_encoding.as_csv(spreadsheet_cells.quote_formulas(page.table))


FORMATS: Mapping[str, Callable[[Page], bytes]] = {
    JSON: as_json,
    CSV: lambda page: table_encoding.as_csv(page.table),
    ARROW: as_arrow,
}
"""The writer of each media type."""
