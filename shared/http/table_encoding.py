"""Tables written as text, column by column where that can be."""

import orjson
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv

_MICROSECONDS = 1_000_000
# A datetime without a zone is UTC here; a fraction is written only where there is one.
_JSON_OPTIONS = orjson.OPT_NAIVE_UTC | orjson.OPT_UTC_Z
_ISO = "%Y-%m-%dT%H:%M:%SZ"


def as_csv(table: pa.Table, *, header: bool = True) -> bytes:
    """One line per row; a null is an empty field, NaN and infinities are `nan`, `inf`, `-inf`, and
    stamps are ISO 8601 in UTC.
    """
    for place, column in enumerate(table.schema):
        if pa.types.is_timestamp(column.type):
            table = table.set_column(place, column.name, _iso(table.column(place)))
    try:
        return _csv(table, quoting="none", header=header)
    except pa.ArrowInvalid:
        return _csv(table, quoting="needed", header=header)  # a text holds a comma or a quote


def json_rows(batch: pa.RecordBatch) -> bytes:
    """The rows as JSON objects, separated by commas; JSON has no NaN or infinity: they are null."""
    names = batch.schema.names
    columns = [_values(column) for column in batch.columns]
    rows = [dict(zip(names, row, strict=True)) for row in zip(*columns, strict=True)]
    return orjson.dumps(rows, option=_JSON_OPTIONS)[1:-1]


def _csv(table: pa.Table, *, quoting: str, header: bool) -> bytes:
    sink = pa.BufferOutputStream()
    options = pa.csv.WriteOptions(
        include_header=header, quoting_style=quoting, quoting_header=quoting
    )
    pa.csv.write_csv(table, sink, options)
    return bytes(sink.getvalue())


def _iso(stamps: pa.ChunkedArray) -> pa.ChunkedArray:
    """ISO 8601 in UTC, with a fraction only where one of them has one."""
    micros = stamps.cast(pa.int64())
    seconds = pc.multiply(pc.divide(micros, _MICROSECONDS), _MICROSECONDS)
    if pc.all(pc.equal(micros, seconds), min_count=0).as_py():
        stamps = stamps.cast(pa.timestamp("s", tz="UTC"))
    return pc.strftime(stamps, format=_ISO)


def _values(column: pa.Array) -> list[object]:
    """Python values; a null among floats becomes NaN, which JSON shows as null all the same."""
    if pa.types.is_timestamp(column.type):
        column = column.cast(pa.timestamp("us"))
    if pa.types.is_floating(column.type):
        return list(column.to_numpy(zero_copy_only=False).tolist())
    return list(column.to_pylist())
