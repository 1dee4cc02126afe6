"""Fingerprints of samples: different samples have the same fingerprint with probability 2**-64.

The fingerprint of a variable is the sum, modulo 2**64, of one hash for each value that is not
missing. The hash covers the bits of the value, its timestamp, and its position among rows with the
same timestamp. So the bounds of pages and slices do not matter: the fingerprints of the pieces add
up to that of the whole. Without samples the fingerprint is 0. It is written as 16 hexadecimal
digits.

The hash is the finalizer of SplitMix64 (Steele, Lea, Flood: Fast Splittable Pseudorandom Number
Generators, OOPSLA 2014). It detects changes, but does not protect against forgery.
"""

from collections.abc import Iterable
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

TEXT_PATTERN = r"[0-9a-f]{16}"
MODULUS = 2**64

Hashes = npt.NDArray[np.uint64]
Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]

_STEP = np.uint64(0x9E3779B97F4A7C15)
_FIRST, _SECOND = np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB)
_NONE = np.uint64(0)


def fingerprints(table: pa.Table) -> tuple[str, ...]:
    """The fingerprints of all columns but the first, which has the timestamps. The rows are those
    of one asset in any order, except that rows with the same timestamp keep their order.
    """
    timestamps = timestamps_of(table.column(0))
    if np.any(timestamps[1:] < timestamps[:-1]):
        order = np.argsort(timestamps, kind="stable")
        table, timestamps = table.take(order), timestamps[order]
    keys = row_keys(timestamps)
    return tuple(to_text(int(value_hashes(keys, column).sum())) for column in table.columns[1:])


def timestamps_of(column: pa.ChunkedArray) -> Ints:
    """(rows,), µs since 1970."""
    timestamps: Ints = column.combine_chunks().view(pa.int64()).to_numpy()
    return timestamps


def row_keys(timestamps: Ints, breaks: Bools | None = None) -> Hashes:
    """(rows,): a hash of the timestamp of each row and of its position among adjacent rows with the
    same timestamp. `breaks` (rows - 1,) is true where the next row is of another asset.
    """
    keys = _mix(timestamps.view(np.uint64))
    is_repeated = timestamps[1:] == timestamps[:-1]
    if breaks is not None:
        is_repeated &= ~breaks
    if not is_repeated.any():
        return keys
    rows = np.arange(len(timestamps))
    first_rows = np.maximum.accumulate(np.where(np.append(False, is_repeated), 0, rows))
    position = (rows - first_rows).astype(np.uint64)
    return np.where(position > 0, _mix(keys + position), keys)


def value_hashes(keys: Hashes, column: pa.ChunkedArray) -> Hashes:
    """(rows,): the hash of each float64 with the key of its row; 0 where it is null. All NaN have
    the same hash.
    """
    array = column.combine_chunks()
    values: Any = array.to_numpy(zero_copy_only=False)
    bits = np.where(np.isnan(values), np.nan, values).view(np.uint64)
    hashes = _mix(keys ^ _mix(bits))
    if not array.null_count:
        return hashes
    return np.where(array.is_valid().to_numpy(zero_copy_only=False), hashes, _NONE)


def combine(fingerprints: Iterable[str]) -> str:
    """The fingerprint of all pieces together."""
    return to_text(sum(int(fingerprint, 16) for fingerprint in fingerprints))


def to_text(fingerprint: int) -> str:
    """16 hexadecimal digits."""
    return f"{fingerprint % MODULUS:016x}"


def _mix(x: Hashes) -> Hashes:
    """The output of SplitMix64 for each of these states."""
    x = x + _STEP
    x = (x ^ (x >> np.uint64(30))) * _FIRST
    x = (x ^ (x >> np.uint64(27))) * _SECOND
    return x ^ (x >> np.uint64(31))
