"""The binary COPY encoder against PostgreSQL itself."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import psycopg2
import pytest
from psycopg2.extensions import cursor as Cursor  # noqa: N812 - a class that psycopg2 writes small

from shared.postgres.binary_copy import READ_BYTES, binary_file, binary_rows

STAMPS = np.array(
    ["1970-01-01", "1999-12-31T23:59:59.999999", "2025-12-01T00:00:00.1"], "datetime64[us]"
)
COUNTS = np.array([-(2**31), 0, 2**31 - 1], np.int32)
VALUES = np.array([-0.0, 1 / 3, np.nan])


@pytest.fixture
def cursor(source_url: str) -> Iterator[Cursor]:
    connection = psycopg2.connect(source_url, options="-c timezone=UTC")
    with connection.cursor() as cursor:
        cursor.execute(
            "CREATE TABLE t (stamp timestamptz, count integer, value double precision, name text)"
        )
        yield cursor
    connection.close()


def copied(cursor: Cursor, *parts: bytes) -> list[tuple[Any, ...]]:
    cursor.copy_expert("COPY t FROM STDIN (FORMAT binary)", binary_file(*parts), size=READ_BYTES)
    cursor.execute("SELECT stamp::text, count, value::text, name FROM t ORDER BY stamp")
    return cursor.fetchall()


def test_values_reach_the_table_to_the_last_bit(cursor: Cursor) -> None:
    names = np.array([b"T01", b"T02", b"T03"])
    assert copied(cursor, binary_rows([STAMPS, COUNTS, VALUES, names])) == [
        ("1970-01-01 00:00:00+00", -(2**31), "-0", "T01"),
        ("1999-12-31 23:59:59.999999+00", 0, "0.3333333333333333", "T02"),
        ("2025-12-01 00:00:00.1+00", 2**31 - 1, "NaN", "T03"),
    ]


def test_rows_with_and_without_nulls_travel_in_one_file(cursor: Cursor) -> None:
    rows = copied(
        cursor,
        binary_rows([STAMPS[:1], COUNTS[:1], None, None]),
        binary_rows([STAMPS[1:2], COUNTS[1:2], VALUES[1:2], None]),
    )
    assert [row[2] for row in rows] == [None, "0.3333333333333333"]
