"""Fingerprints of samples: different samples have the same fingerprint with probability 2**-64.

The fingerprint of a variable is the sum, modulo 2**64, of one hash for each value that is not
missing. The hash covers the value, its timestamp, and its position among rows with the same
timestamp. So the bounds of pages and slices do not matter: the fingerprints of the pieces add up to
that of the whole. Without samples the fingerprint is 0. It is written as 16 hexadecimal digits.

PostgreSQL computes the same without delivering the rows, where no timestamp repeats:

    sum(hashfloat8extended(value, hashfloat8extended(date_part('epoch', timestamp), 0)))

The seed of the value's hash is the hash of the timestamp, whose own seed is the position. So 0 and
-0 have the same hash, and all NaN have the same hash. It detects changes, but does not protect
against forgery.
"""

from collections.abc import Iterable

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from shared.domain.float_hash import Hashes as Hashes
from shared.domain.float_hash import Seeds, hash_floats

TEXT_PATTERN = r"[0-9a-f]{16}"
MODULUS = 2**64

Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]

MICROSECONDS = 1e6


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


def row_keys(timestamps: Ints, breaks: Bools | None = None) -> Seeds:
    """A hash of the timestamp of each row and of its position among adjacent rows with the same
    timestamp. `breaks` (rows - 1,) is true where the next row is of another asset.
    """
    seconds = timestamps / MICROSECONDS
    hashes = hash_floats(seconds, Seeds.same(0, len(seconds)))
    positions = _positions(timestamps, breaks)
    if positions.any():
        later = np.flatnonzero(positions)
        hashes[later] = hash_floats(seconds[later], Seeds.of(positions[later]))
    return Seeds.of(hashes)


def value_hashes(keys: Seeds, column: pa.ChunkedArray) -> Hashes:
    """(rows,): the hash of each float64 with the key of its row; 0 where it is null."""
    array = column.combine_chunks()
    hashes = hash_floats(array.to_numpy(zero_copy_only=False), keys)
    if array.null_count:
        hashes[array.is_null().to_numpy(zero_copy_only=False)] = 0
    return hashes


def combine(fingerprints: Iterable[str]) -> str:
    """The fingerprint of all pieces together."""
    return to_text(sum(int(fingerprint, 16) for fingerprint in fingerprints))


def to_text(fingerprint: int) -> str:
    """16 hexadecimal digits."""
    return f"{fingerprint % MODULUS:016x}"


def _positions(timestamps: Ints, breaks: Bools | None) -> Hashes:
    """(rows,): 0 for the first of the adjacent rows with one timestamp, then 1, 2 …"""
    is_repeated = timestamps[1:] == timestamps[:-1]
    if breaks is not None:
        is_repeated &= ~breaks
    if not is_repeated.any():
        return np.zeros(len(timestamps), np.uint64)
    rows = np.arange(len(timestamps))
    first_rows = np.maximum.accumulate(np.where(np.append(False, is_repeated), 0, rows))
    return (rows - first_rows).astype(np.uint64)
