"""Arrow tables as CSV and JSON, converted column by column where possible."""

import orjson
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv

_MICROSECONDS = 1_000_000
# orjson takes a datetime without a zone as UTC, and writes a fraction only if there is one.
_JSON_OPTIONS = orjson.OPT_NAIVE_UTC | orjson.OPT_UTC_Z
_ISO = "%Y-%m-%dT%H:%M:%SZ"


def as_csv(table: pa.Table, *, header: bool = True) -> bytes:
    """One line per row; a null is an empty field, NaN and infinities are `nan`, `inf`, `-inf`, and
    timestamps are ISO 8601 in UTC.
    """
    for index, column in enumerate(table.schema):
        if pa.types.is_timestamp(column.type):
            table = table.set_column(index, column.name, _iso(table.column(index)))
    try:
        return _csv(table, quoting="none", header=header)
    except pa.ArrowInvalid:
        return _csv(table, quoting="needed", header=header)  # some text has a comma or a quote


def json_rows(batch: pa.RecordBatch) -> bytes:
    """The rows as JSON objects, separated by commas; NaN and infinities become null."""
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


def _iso(timestamps: pa.ChunkedArray) -> pa.ChunkedArray:
    """ISO 8601 in UTC, with a fraction of the second only if some timestamp has one."""
    micros = timestamps.cast(pa.int64())
    seconds = pc.multiply(pc.divide(micros, _MICROSECONDS), _MICROSECONDS)
    if pc.all(pc.equal(micros, seconds), min_count=0).as_py():
        timestamps = timestamps.cast(pa.timestamp("s", tz="UTC"))
    return pc.strftime(timestamps, format=_ISO)


def _values(column: pa.Array) -> list[object]:
    """Python values; a null among floats becomes NaN, which orjson also writes as null."""
    if pa.types.is_timestamp(column.type):
        column = column.cast(pa.timestamp("us"))
    if pa.types.is_floating(column.type):
        return list(column.to_numpy(zero_copy_only=False).tolist())
    return list(column.to_pylist())
