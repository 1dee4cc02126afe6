"""PostgreSQL reads what the binary COPY encoder writes."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import psycopg2
import pytest
from psycopg2.extensions import cursor as Cursor  # noqa: N812 - psycopg2 names the class so

from shared.postgres.binary_copy import READ_BYTES, binary_file, binary_rows

TIMESTAMPS = np.array(
    ["1970-01-01", "1999-12-31T23:59:59.999999", "2025-12-01T00:00:00.1"], "datetime64[us]"
)
COUNTS = np.array([-(2**31), 0, 2**31 - 1], np.int32)
VALUES = np.array([-0.0, 1 / 3, np.nan])


@pytest.fixture
def cursor(source_url: str) -> Iterator[Cursor]:
    connection = psycopg2.connect(source_url, options="-c timezone=UTC")
    with connection.cursor() as cursor:
        cursor.execute(
            "CREATE TABLE t (timestamp timestamptz, count integer, value float8, name text)"
        )
        yield cursor
    connection.close()


def copy(cursor: Cursor, *rows: memoryview) -> list[tuple[Any, ...]]:
    cursor.copy_expert("COPY t FROM STDIN (FORMAT binary)", binary_file(*rows), size=READ_BYTES)
    cursor.execute("SELECT timestamp::text, count, value::text, name FROM t ORDER BY timestamp")
    return cursor.fetchall()


def test_the_table_has_the_exact_values(cursor: Cursor) -> None:
    names = np.array([b"T01", b"T02", b"T03"])
    assert copy(cursor, binary_rows([TIMESTAMPS, COUNTS, VALUES, names])) == [
        ("1970-01-01 00:00:00+00", -(2**31), "-0", "T01"),
        ("1999-12-31 23:59:59.999999+00", 0, "0.3333333333333333", "T02"),
        ("2025-12-01 00:00:00.1+00", 2**31 - 1, "NaN", "T03"),
    ]


def test_one_file_can_have_rows_with_and_without_nulls(cursor: Cursor) -> None:
    rows = copy(
        cursor,
        binary_rows([TIMESTAMPS[:1], COUNTS[:1], None, None]),
        binary_rows([TIMESTAMPS[1:2], COUNTS[1:2], VALUES[1:2], None]),
    )
    assert [row[2] for row in rows] == [None, "0.3333333333333333"]
