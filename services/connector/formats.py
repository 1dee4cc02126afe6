"""The formats of a page, and the choice of the one that a client accepts."""

from collections.abc import Callable
from dataclasses import dataclass

import orjson
import pyarrow as pa

from services.connector.paging import Page
from shared.http import content_negotiation, table_encoding
from shared.http.content_negotiation import ARROW, CSV, JSON

ROWS_PER_BATCH = 10_000


@dataclass(frozen=True, slots=True)
class Format:
    """A media type and its writer."""

    media_type: str
    write: Callable[[Page], bytes]


def as_arrow(page: Page) -> bytes:
    """An Arrow IPC stream; NaN, infinities and nulls stay distinct."""
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, page.table.schema) as writer:
        writer.write_table(page.table)
    return bytes(sink.getvalue())


def as_csv(page: Page) -> bytes:
    """A header and one line per row."""
    return table_encoding.as_csv(page.table)


def as_json(page: Page) -> bytes:
    """`{"data": [row, …], "next": cursor}`."""
    # In batches: a page as Python objects would need ten times the memory.
    batches = page.table.to_batches(max_chunksize=ROWS_PER_BATCH)
    rows = [table_encoding.json_rows(batch) for batch in batches if batch.num_rows]
    separated = [b","] * (2 * len(rows) - 1)
    separated[::2] = rows
    # One join: each concatenation would copy the whole page.
    return b"".join([b'{"data":[', *separated, b'],"next":', orjson.dumps(page.next), b"}"])


FORMATS = {JSON: Format(JSON, as_json), CSV: Format(CSV, as_csv), ARROW: Format(ARROW, as_arrow)}


def negotiate(accept: str | None) -> Format:
    """The format that the client prefers; 406 if it accepts none."""
    return FORMATS[content_negotiation.negotiate(accept, list(FORMATS))]
