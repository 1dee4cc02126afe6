"""Fingerprints of samples: where samples differ, fingerprints differ, but for one chance in 2**64.

The fingerprint of a variable is the sum, modulo 2**64, of one hash for each of its values that is
not missing; the hash is of the value's bits, of its stamp, and of its place among rows of one
stamp. So it does not matter where pages and slices end: the fingerprints of parts add up to that
of the whole, and no samples have the fingerprint 0. It is written as 16 hexadecimal digits.

The hash is the finalizer of SplitMix64 (Steele, Lea, Flood: Fast Splittable Pseudorandom Number
Generators, OOPSLA 2014). It shows change, and is no guard against forgery.
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
    """Of each column after the first, which holds the stamps: the rows of one asset, in any order;
    those with one stamp in theirs.
    """
    stamps = timestamps_of(table.column(0))
    if np.any(stamps[1:] < stamps[:-1]):
        order = np.argsort(stamps, kind="stable")
        table, stamps = table.take(order), stamps[order]
    at = row_keys(stamps)
    return tuple(to_text(int(value_hashes(at, column).sum())) for column in table.columns[1:])


def timestamps_of(column: pa.ChunkedArray) -> Ints:
    """(rows,), µs since 1970."""
    stamps: Ints = column.combine_chunks().view(pa.int64()).to_numpy()
    return stamps


def row_keys(stamps: Ints, breaks: Bools | None = None) -> Hashes:
    """(rows,): a hash of each row's stamp and of its place among neighbours with the same one.
    `breaks` (rows - 1,) is true where the next row is of another asset.
    """
    found = _mix(stamps.view(np.uint64))
    again = stamps[1:] == stamps[:-1]
    if breaks is not None:
        again &= ~breaks
    if not again.any():
        return found
    rows = np.arange(len(stamps))
    firsts = np.maximum.accumulate(np.where(np.append(False, again), 0, rows))
    place = (rows - firsts).astype(np.uint64)
    return np.where(place > 0, _mix(found + place), found)


def value_hashes(places: Hashes, column: pa.ChunkedArray) -> Hashes:
    """(rows,): the hash of each float64 at its place; 0 where it is null. All NaN are alike."""
    array = column.combine_chunks()
    values: Any = array.to_numpy(zero_copy_only=False)
    bits = np.where(np.isnan(values), np.nan, values).view(np.uint64)
    found = _mix(places ^ _mix(bits))
    if not array.null_count:
        return found
    return np.where(array.is_valid().to_numpy(zero_copy_only=False), found, _NONE)


def combine(parts: Iterable[str]) -> str:
    """The fingerprint of the whole."""
    return to_text(sum(int(part, 16) for part in parts))


def to_text(fingerprint: int) -> str:
    """As it is written."""
    return f"{fingerprint % MODULUS:016x}"


def _mix(x: Hashes) -> Hashes:
    """The number that SplitMix64 gives in each of these states."""
    x = x + _STEP
    x = (x ^ (x >> np.uint64(30))) * _FIRST
    x = (x ^ (x >> np.uint64(27))) * _SECOND
    return x ^ (x >> np.uint64(31))
