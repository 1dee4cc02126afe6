"""What a page can be written as, and which of it a client wants."""

from collections.abc import Callable
from dataclasses import dataclass

import orjson
import pyarrow as pa

from services.connector.paging import Page
from shared.http import content_negotiation, table_encoding
from shared.http.content_negotiation import ARROW, CSV, JSON

ROWS_AT_ONCE = 10_000


@dataclass(frozen=True, slots=True)
class Format:
    """A media type and how a page is written in it."""

    media_type: str
    write: Callable[[Page], bytes]


def as_arrow(page: Page) -> bytes:
    """An Arrow IPC stream; NaN, infinities and nulls are kept apart."""
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, page.table.schema) as writer:
        writer.write_table(page.table)
    return bytes(sink.getvalue())


def as_csv(page: Page) -> bytes:
    """A header and one line per row."""
    return table_encoding.as_csv(page.table)


def as_json(page: Page) -> bytes:
    """`{"data": [row, …], "next": cursor}`."""
    # Some rows at a time: a whole page of Python objects would take ten times its size.
    batches = page.table.to_batches(max_chunksize=ROWS_AT_ONCE)
    rows = [table_encoding.json_rows(batch) for batch in batches if batch.num_rows]
    # In one go: each sum of bytes would be a copy of the whole page.
    between = [b","] * (2 * len(rows) - 1)
    between[::2] = rows
    return b"".join([b'{"data":[', *between, b'],"next":', orjson.dumps(page.next), b"}"])


FORMATS = {JSON: Format(JSON, as_json), CSV: Format(CSV, as_csv), ARROW: Format(ARROW, as_arrow)}


def negotiate(accept: str | None) -> Format:
    """The format that is wanted most; 406 if none is."""
    return FORMATS[content_negotiation.negotiate(accept, list(FORMATS))]
