"""Many rows of the target, read in chunks of time from one snapshot of the database."""

import io
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import pyarrow as pa
import pyarrow.csv
from sqlalchemy import Connection, Engine, text

from shared.domain.time_range import TimeRange
from shared.postgres.engines import postgres_errors

# A client may read an export slowly; the HTTP server ends the connection if it stops reading.
_NO_IDLE_TIMEOUT = "SET LOCAL idle_in_transaction_session_timeout = 0"
_EDGES = """
    SELECT min(d.first), max(d.last) FROM unnest(CAST(:ids AS integer[])) AS s(id)
    CROSS JOIN LATERAL (
        SELECT min(timestamp) AS first, max(timestamp) AS last FROM data
        WHERE signal_id = s.id AND timestamp >= :start AND timestamp < :end
    ) AS d
"""


@contextmanager
def snapshot(engine: Engine) -> Iterator[Connection]:
    """A transaction; every query in it sees the database as at the first."""
    engine = engine.execution_options(isolation_level="REPEATABLE READ")
    with postgres_errors(), engine.connect() as connection:
        connection.execute(text(_NO_IDLE_TIMEOUT))
        yield connection


def copy_to_arrow(
    connection: Connection,
    query: str,
    params: Mapping[str, Any],
    types: Mapping[str, pa.DataType],
) -> pa.Table:
    """The rows of a query as a table of these types, without a Python object per row. The format is
    text: PostgreSQL writes each float64 so that it is read back to the last bit.
    """
    driver_connection: Any = connection.connection.driver_connection
    with driver_connection.cursor() as cursor:
        bound_query = cursor.mogrify(query, params).decode()
        output = io.BytesIO()
        cursor.copy_expert(f"COPY ({bound_query}) TO STDOUT (FORMAT csv, HEADER)", output)
    output.seek(0)
    options = pa.csv.ConvertOptions(column_types=types, null_values=[""])
    return pa.csv.read_csv(output, convert_options=options)


def time_chunks(
    time_range: TimeRange, *, window_s: int, columns: int, chunk_values: int
) -> Iterator[TimeRange]:
    """The time range in chunks of about `chunk_values` values, if each column has a value in each
    window.
    """
    windows = max(1, chunk_values // max(1, columns))
    start, end = time_range
    while start < end:
        chunk_end = min(end, start + timedelta(seconds=windows * window_s))
        yield TimeRange(start, chunk_end)
        start = chunk_end


def clip(
    connection: Connection, signal_ids: Sequence[int], time_range: TimeRange
) -> TimeRange | None:
    """The time from the first to the last window of these signals; None if there is no window."""
    params = {"ids": list(signal_ids), "start": time_range.start, "end": time_range.end}
    first, last = connection.execute(text(_EDGES), params).one()
    return TimeRange(first, last + timedelta(microseconds=1)) if first else None
