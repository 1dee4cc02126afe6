"""What a page can be written as, and which of it a client wants."""

from collections.abc import Callable
from dataclasses import dataclass

import orjson
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
from fastapi import HTTPException

from services.connector.pages import Page
from services.connector.source import TIMESTAMP

JSON, CSV = "application/json", "text/csv"
ARROW = "application/vnd.apache.arrow.stream"
_MICROSECONDS = 1_000_000
ROWS_AT_ONCE = 10_000
# A datetime without a zone is UTC here; a fraction is written only where there is one.
_JSON_OPTIONS = orjson.OPT_NAIVE_UTC | orjson.OPT_UTC_Z
_ISO = "%Y-%m-%dT%H:%M:%SZ"


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
    """A header and one line per row; a null is an empty field, NaN and infinities are `nan`,
    `inf`, `-inf`.
    """
    table = page.table.set_column(0, TIMESTAMP, _iso(page.table[TIMESTAMP]))
    try:
        return _csv(table, quoting="none")
    except pa.ArrowInvalid:
        return _csv(table, quoting="needed")  # an asset holds a comma or a quote


def as_json(page: Page) -> bytes:
    """`{"data": [row, …], "next": cursor}`; JSON has no NaN or infinity: they are null."""
    # Some rows at a time: a whole page of Python objects would take ten times its size.
    batches = page.table.to_batches(max_chunksize=ROWS_AT_ONCE)
    rows = [_json_rows(batch) for batch in batches if batch.num_rows]
    # In one go: each sum of bytes would be a copy of the whole page.
    between = [b","] * (2 * len(rows) - 1)
    between[::2] = rows
    return b"".join([b'{"data":[', *between, b'],"next":', orjson.dumps(page.next), b"}"])


FORMATS = (Format(JSON, as_json), Format(CSV, as_csv), Format(ARROW, as_arrow))


def negotiate(accept: str | None) -> Format:
    """The format with the highest q, the first of `FORMATS` among equals; 406 if none is wanted."""
    wanted = _wanted(accept or "*/*")
    best = max(FORMATS, key=lambda f: _quality(f.media_type, wanted))
    if _quality(best.media_type, wanted) <= 0:
        offered = ", ".join(f.media_type for f in FORMATS)
        raise HTTPException(406, f"Accept one of {offered}", headers={"Vary": "Accept"})
    return best


def _wanted(accept: str) -> dict[str, float]:
    """Media ranges and their q (RFC 9110, 12.5.1); other parameters do not count."""
    found: dict[str, float] = {}
    for part in accept.lower().split(","):
        media_range, *parameters = (piece.strip() for piece in part.split(";"))
        given = [p.removeprefix("q=") for p in parameters if p.startswith("q=")]
        found[media_range] = _number(given[0]) if given else 1.0
    return found


def _number(text: str) -> float:
    try:
        return min(max(float(text), 0.0), 1.0)
    except ValueError:
        return 0.0


def _quality(media_type: str, wanted: dict[str, float]) -> float:
    """The q of the most specific range that covers the type."""
    whole = f"{media_type.split('/')[0]}/*"
    return next((wanted[r] for r in (media_type, whole, "*/*") if r in wanted), 0.0)


def _csv(table: pa.Table, *, quoting: str) -> bytes:
    sink = pa.BufferOutputStream()
    options = pa.csv.WriteOptions(quoting_style=quoting, quoting_header=quoting)
    pa.csv.write_csv(table, sink, options)
    return bytes(sink.getvalue())


def _iso(stamps: pa.ChunkedArray) -> pa.ChunkedArray:
    """ISO 8601 in UTC, with a fraction only where one of them has one."""
    micros = stamps.cast(pa.int64())
    seconds = pc.multiply(pc.divide(micros, _MICROSECONDS), _MICROSECONDS)
    if pc.all(pc.equal(micros, seconds), min_count=0).as_py():
        stamps = stamps.cast(pa.timestamp("s", tz="UTC"))
    return pc.strftime(stamps, format=_ISO)


def _json_rows(batch: pa.RecordBatch) -> bytes:
    """The rows as JSON objects, separated by commas."""
    names = batch.schema.names
    columns = [_values(column) for column in batch.columns]
    rows = [dict(zip(names, row, strict=True)) for row in zip(*columns, strict=True)]
    return orjson.dumps(rows, option=_JSON_OPTIONS)[1:-1]


def _values(column: pa.Array) -> list[object]:
    """Python values; a null among floats becomes NaN, which JSON shows as null all the same."""
    if pa.types.is_timestamp(column.type):
        column = column.cast(pa.timestamp("us"))
    if pa.types.is_string(column.type):
        return list(column.to_pylist())
    return list(column.to_numpy(zero_copy_only=False).tolist())
