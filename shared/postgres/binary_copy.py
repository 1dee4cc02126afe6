"""PostgreSQL's binary COPY format, encoded from and decoded to numpy columns: a few million rows
per second and core.

Source: https://www.postgresql.org/docs/current/sql-copy.html, "Binary Format".
"""

import io
from collections import deque
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

# How much psycopg2 passes to libpq at a time (`copy_expert(..., size=READ_BYTES)`).
READ_BYTES = 256 * 1024

_HEADER = b"PGCOPY\n\xff\r\n\0" + bytes(8)
_TRAILER = b"\xff\xff"
_EPOCH = np.datetime64("2000-01-01", "us")

Column = NDArray[Any] | None


class _Pieces(io.RawIOBase):
    """A file of several pieces, which it does not copy."""

    def __init__(self, pieces: Iterable[memoryview]) -> None:
        self._pieces = deque(piece for piece in pieces if len(piece))

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        """At most the rest of a piece; 0 at the end."""
        if not self._pieces:
            return 0
        piece = self._pieces.popleft()
        size = min(len(piece), len(buffer))
        buffer[:size] = piece[:size]
        if size < len(piece):
            self._pieces.appendleft(piece[size:])
        return size


def binary_file(*rows: memoryview) -> io.RawIOBase:
    """A complete COPY file of rows from `binary_rows`, for `copy_expert`."""
    return _Pieces((memoryview(_HEADER), *rows, memoryview(_TRAILER)))


def binary_rows(columns: Sequence[Column]) -> memoryview:
    """Encode columns of equal length as COPY rows.

    `datetime64[us]` (UTC) becomes timestamptz, `int32` integer, `float64` double precision, `S<n>`
    text of exactly n bytes in every row. A column that is None is NULL in every row: encode rows
    with and without NULLs in separate calls. Raises ValueError for other types, for NaT, and for
    texts or columns of different lengths.
    """
    lengths = {len(column) for column in columns if column is not None}
    if len(lengths) != 1:
        raise ValueError("the columns have different lengths, or all are None")
    encoded = [None if column is None else _encode(column) for column in columns]
    rows = np.empty(lengths.pop(), dtype=_row_type([c if c is None else c.dtype for c in encoded]))
    rows["fields"] = len(columns)
    for i, values in enumerate(encoded):
        rows[f"size{i}"] = -1 if values is None else values.dtype.itemsize
        if values is not None:
            rows[f"value{i}"] = values
    return rows.view(np.uint8).data


def binary_columns(file: bytes | memoryview, types: Sequence[str]) -> list[NDArray[Any]]:
    """Decode a file of `COPY … TO STDOUT (FORMAT binary)` without NULLs into one column per type:
    `datetime64[us]` (UTC), `int32` or `float64`. Raises ValueError if the file does not match.
    """
    body = memoryview(file)[len(_HEADER) : -len(_TRAILER)]
    stored = [np.dtype("int64" if t == "datetime64[us]" else t) for t in types]
    row_type = _row_type(stored)
    rows = np.frombuffer(body[: len(body) // row_type.itemsize * row_type.itemsize], row_type)
    sizes_match = [(rows[f"size{i}"] == dtype.itemsize).all() for i, dtype in enumerate(stored)]
    if rows.nbytes != len(body) or not all(sizes_match) or (rows["fields"] != len(types)).any():
        raise ValueError("the rows have other columns, or NULLs")
    columns = [rows[f"value{i}"].astype(dtype) for i, dtype in enumerate(stored)]
    return [
        _EPOCH + column.view("timedelta64[us]") if t == "datetime64[us]" else column
        for t, column in zip(types, columns, strict=True)
    ]


def _row_type(stored: Sequence[np.dtype[Any] | None]) -> np.dtype[np.void]:
    """One row: the number of fields, then the size in bytes and the value of each field."""
    members: list[tuple[str, Any]] = [("fields", ">i2")]
    for i, dtype in enumerate(stored):
        members.append((f"size{i}", ">i4"))
        if dtype is not None:
            members.append((f"value{i}", dtype.newbyteorder(">")))
    return np.dtype(members)


def _encode(column: NDArray[Any]) -> NDArray[Any]:
    """The column as PostgreSQL stores it: timestamps are µs since 2000-01-01 UTC."""
    if column.dtype == np.dtype("datetime64[us]"):
        if np.isnat(column).any():
            raise ValueError("a timestamp is NaT: encode NULLs in a separate call, as None")
        return (column - _EPOCH).astype(np.int64)
    if column.dtype.kind == "S":
        # numpy pads short texts with zero bytes, which PostgreSQL rejects during the COPY.
        if (np.char.str_len(column) != column.dtype.itemsize).any():
            raise ValueError("the texts have different lengths: encode each length separately")
        return column
    if column.dtype in (np.dtype(np.int32), np.dtype(np.float64)):
        return column
    raise ValueError(f"no COPY encoding for {column.dtype}")
