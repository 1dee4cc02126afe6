"""Many rows of the target, a part of the time after the other, all as they were at one moment."""

import io
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any

import pyarrow as pa
import pyarrow.csv
from sqlalchemy import Connection, Engine, text

from shared.postgres.engines import postgres_errors

STAMP = pa.timestamp("us", tz="UTC")
_OPEN = (
    "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ",
    # Who reads an export may do so slowly; the HTTP server ends those who stop.
    "SET LOCAL idle_in_transaction_session_timeout = 0",
)

_EDGES = """
    SELECT min(d.first), max(d.last) FROM unnest(CAST(:ids AS integer[])) AS s(id)
    CROSS JOIN LATERAL (
        SELECT min(timestamp) AS first, max(timestamp) AS last FROM data
        WHERE signal_id = s.id AND timestamp >= :start AND timestamp < :end
    ) AS d
"""

Bounds = tuple[datetime, datetime]


@contextmanager
def snapshot(engine: Engine) -> Iterator[Connection]:
    """A transaction that sees the target as it is now, to its end."""
    with postgres_errors(), engine.connect() as connection:
        for statement in _OPEN:
            connection.execute(text(statement))
        yield connection


def copy_to_arrow(
    connection: Connection,
    query: str,
    values: Mapping[str, Any],
    types: Mapping[str, pa.DataType],
) -> pa.Table:
    """The rows of a query as a table of these types; no row passes through Python. As text, which
    PostgreSQL writes such that each float64 is read back as it was.
    """
    driver: Any = connection.connection.driver_connection
    with driver.cursor() as cursor:
        asked = cursor.mogrify(query, values).decode()
        written = io.BytesIO()
        cursor.copy_expert(f"COPY ({asked}) TO STDOUT (FORMAT csv, HEADER)", written)
    written.seek(0)
    options = pa.csv.ConvertOptions(
        column_types=types,
        null_values=[""],
        strings_can_be_null=False,
        quoted_strings_can_be_null=False,
    )
    return pa.csv.read_csv(written, convert_options=options)


def time_chunks(
    bounds: Bounds, *, window_s: int, columns: int, values_at_once: int
) -> Iterator[Bounds]:
    """The time in pieces of about `values_at_once` values, if each of so many columns has one for
    each window.
    """
    windows = max(1, values_at_once // max(1, columns))
    at, end = bounds
    while at < end:
        after = min(end, at + timedelta(seconds=windows * window_s))
        yield at, after
        at = after


def clip(connection: Connection, ids: Sequence[int], bounds: Bounds) -> Bounds | None:
    """The part of the time from the first to the last window of these signals; None if there is
    none.
    """
    found = connection.execute(
        text(_EDGES), {"ids": list(ids), "start": bounds[0], "end": bounds[1]}
    )
    first, last = found.one()
    return (first, last + timedelta(microseconds=1)) if first else None
