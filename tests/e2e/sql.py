"""Run SQL statements in the databases of a stack."""

import contextlib
import io
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from typing import Any

import psycopg2
from psycopg2.errors import DeadlockDetected

CONNECT_TIMEOUT_S = 30
MAX_DEADLOCKS = 3
COPY_ESCAPES = str.maketrans({"\\": r"\\", "\t": r"\t", "\n": r"\n", "\r": r"\r"})

Row = tuple[Any, ...]


@contextmanager
def connected(url: str) -> Iterator[Any]:
    """A connection that commits each statement and returns timestamps in UTC."""
    options = "-c timezone=UTC"
    connection = psycopg2.connect(url, options=options, connect_timeout=CONNECT_TIMEOUT_S)
    with closing(connection):
        connection.autocommit = True
        yield connection


def execute(connection: Any, statement: str, values: Any = None) -> list[Row]:
    """Run a statement; return its rows. If a reader of the stack deadlocks with it, run it again:
    PostgreSQL has rolled it back.
    """
    with connection.cursor() as cursor:
        for _ in range(MAX_DEADLOCKS):
            with contextlib.suppress(DeadlockDetected):
                cursor.execute(statement, values)
                break
        else:
            cursor.execute(statement, values)
        return list(cursor.fetchall()) if cursor.description else []


def execute_once(url: str, statement: str, values: Any = None) -> list[Row]:
    """Run a statement on a new connection; return its rows."""
    with connected(url) as connection:
        return execute(connection, statement, values)


def insert_samples(connection: Any, rows: Sequence[Row]) -> None:
    """Insert rows into the source table `data`; COPY takes half the time of INSERT."""
    lines = ("\t".join(map(_copy_text, row)) + "\n" for row in rows)
    with connection.cursor() as cursor:
        cursor.copy_expert("COPY data FROM STDIN", io.StringIO("".join(lines)))


def _copy_text(value: object) -> str:
    """A value in the text format of COPY."""
    return r"\N" if value is None else str(value).translate(COPY_ESCAPES)


def create_source_table(*, assets: bool) -> str:
    """The statement that creates the source table, with or without a column for the asset."""
    asset, key = ("asset text,", "asset, ") if assets else ("", "")
    return (
        f"CREATE TABLE data ({asset} timestamp timestamptz, wind_speed double precision, "
        f"power double precision, ambient_temperature double precision, "
        f"PRIMARY KEY ({key}timestamp))"
    )
