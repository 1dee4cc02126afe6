"""The rows of the table `data`, to compare what contenders have written."""

import io
from contextlib import closing
from typing import Any

import numpy as np
import psycopg2
from numpy.typing import NDArray

from shared.errors import MinuanoError
from shared.postgres.binary_copy import binary_columns

TOLERANCE = 1e-9
"""Relative, and for values near 0 absolute: the contenders add numbers up in different orders."""

TargetRows = list[NDArray[Any]]
"""Signal ids, timestamps and values, sorted by signal and timestamp."""


def target_rows(url: str) -> TargetRows:
    """All rows of the table."""
    file = io.BytesIO()
    with closing(psycopg2.connect(url)) as connection, connection.cursor() as cursor:
        cursor.copy_expert(
            "COPY (SELECT signal_id, timestamp, value FROM data ORDER BY signal_id, timestamp) "
            "TO STDOUT (FORMAT binary)",
            file,
        )
    return binary_columns(file.getbuffer(), ("int32", "datetime64[us]", "float64"))


def require_same(contender: str, rows: TargetRows, expected: TargetRows) -> None:
    """Raise `MinuanoError` if there are other windows, or if values differ by more than 1e-9."""
    if not all(map(np.array_equal, rows[:2], expected[:2])):
        raise MinuanoError(
            f"{contender} wrote other windows: {len(rows[0])} rows, expected {len(expected[0])}"
        )
    differ = ~np.isclose(rows[2], expected[2], rtol=TOLERANCE, atol=TOLERANCE)
    if differ.any():
        signal, timestamp, value = (column[differ][0] for column in rows)
        raise MinuanoError(
            f"{contender} wrote {differ.sum()} other values: signal {signal} at {timestamp} is "
            f"{value}, expected {expected[2][differ][0]}"
        )
