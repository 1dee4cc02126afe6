"""PostgreSQL's binary COPY format, straight from and to numpy: a few million rows per second and
core.

Source: https://www.postgresql.org/docs/current/sql-copy.html, "Binary Format".
"""

import io
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

# What psycopg2 hands to libpq at a time (`copy_expert(..., size=READ_BYTES)`).
READ_BYTES = 256 * 1024

_HEADER = b"PGCOPY\n\xff\r\n\0" + bytes(8)
_TRAILER = b"\xff\xff"
_EPOCH = np.datetime64("2000-01-01", "us")

Column = NDArray[Any] | None


def binary_file(*parts: bytes) -> io.BytesIO:
    """A whole COPY file around rows made by `binary_rows`, ready for `copy_expert`."""
    return io.BytesIO(b"".join((_HEADER, *parts, _TRAILER)))


def binary_rows(columns: Sequence[Column]) -> bytes:
    """Encode columns of one length as COPY rows.

    `datetime64[us]` (UTC) becomes timestamptz, `int32` integer, `float64` double precision, `S<n>`
    text of exactly n bytes in every row. A column that is None is NULL in every row: to write rows
    with and without nulls, encode each kind of row by itself. Raises ValueError for another type,
    for NaT, for texts of differing length and for columns of differing length.
    """
    lengths = {len(column) for column in columns if column is not None}
    if len(lengths) != 1:
        raise ValueError("the columns have differing lengths, or all of them are None")
    encoded = [None if column is None else _encode(column) for column in columns]
    rows = np.empty(lengths.pop(), dtype=_row_type([c if c is None else c.dtype for c in encoded]))
    rows["fields"] = len(columns)
    for i, values in enumerate(encoded):
        rows[f"size{i}"] = -1 if values is None else values.dtype.itemsize
        if values is not None:
            rows[f"value{i}"] = values
    return rows.tobytes()


def binary_columns(file: bytes | memoryview, types: Sequence[str]) -> list[NDArray[Any]]:
    """Decode a COPY file without NULLs, as `COPY … TO STDOUT (FORMAT binary)` writes it: one column
    of each type, `datetime64[us]` (UTC), `int32` or `float64`. Raises ValueError for another file.
    """
    body = memoryview(file)[len(_HEADER) : -len(_TRAILER)]
    stored = [np.dtype("int64" if t == "datetime64[us]" else t) for t in types]
    row = _row_type(stored)
    if len(body) % row.itemsize:
        raise ValueError("the rows have other columns, or NULLs")
    rows = np.frombuffer(body, row)
    sizes = [(rows[f"size{i}"] == dtype.itemsize).all() for i, dtype in enumerate(stored)]
    if not (all(sizes) and (rows["fields"] == len(types)).all()):
        raise ValueError("the rows have other columns, or NULLs")
    found = [rows[f"value{i}"].astype(dtype) for i, dtype in enumerate(stored)]
    return [
        _EPOCH + column.view("timedelta64[us]") if t == "datetime64[us]" else column
        for t, column in zip(types, found, strict=True)
    ]


def _row_type(stored: Sequence[np.dtype[Any] | None]) -> np.dtype[np.void]:
    """One row: the number of fields, then each field's size in bytes and its value."""
    members: list[tuple[str, Any]] = [("fields", ">i2")]
    for i, dtype in enumerate(stored):
        members.append((f"size{i}", ">i4"))
        if dtype is not None:
            members.append((f"value{i}", dtype.newbyteorder(">")))
    return np.dtype(members)


def _encode(column: NDArray[Any]) -> NDArray[Any]:
    """The column as PostgreSQL counts it: stamps in µs since 2000-01-01 UTC."""
    if column.dtype == np.dtype("datetime64[us]"):
        if np.isnat(column).any():
            raise ValueError("a stamp is NaT: NULL rows are encoded by themselves, with None")
        return (column - _EPOCH).astype(np.int64)
    if column.dtype.kind == "S":
        # numpy pads a short text with zero bytes, which PostgreSQL refuses in the middle of a COPY.
        if (np.char.str_len(column) != column.dtype.itemsize).any():
            raise ValueError("the texts have differing lengths: encode each length by itself")
        return column
    if column.dtype in (np.dtype(np.int32), np.dtype(np.float64)):
        return column
    raise ValueError(f"no COPY encoding for {column.dtype}")
