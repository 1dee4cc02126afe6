"""The contents of a slice: for each series a hash of the rows that the target has for it.

A content is the sum, modulo 2**64, of one hash for each row of `data` or of `quality`, so the
contents of any time ranges add up. It is a signed 64-bit integer, as PostgreSQL's bigint.
PostgreSQL computes the same: `shared.ledger.target_content`. The hash of a row of `data` is

    hashfloat8extended(value, hashfloat8extended(date_part('epoch', timestamp), seed))

where the seed stands for the variable and the statistic. That of a row of `quality` covers `count`,
`expected` and `flags` one after the other, with a seed that stands for the variable alone.
"""

import hashlib
from collections.abc import Iterable, Sequence

import numpy as np

from shared.domain.fingerprint import MICROSECONDS, MODULUS, Ints
from shared.domain.float_hash import Floats, Hashes, Seeds, hash_floats

Series = tuple[str, str | None]
"""A variable and one of its statistics; without a statistic, the quality rows of the variable."""

# A hash of 0 would be its seed, so that two numbers of which one is 0 could be exchanged.
NOT_ZERO = 0.5


def series_of(variables: Iterable[str], statistics: Sequence[str]) -> list[Series]:
    """The series of a slice, in the order of its contents."""
    return [(variable, name) for variable in variables for name in (*statistics, None)]


def combine(contents: Iterable[int]) -> int:
    """The content of all time ranges together."""
    half = MODULUS // 2
    return (sum(contents) + half) % MODULUS - half


def seed_of(variable: str, statistic: str | None) -> int:
    """The seed of the rows of a series: a signed 64-bit integer, as PostgreSQL's bigint."""
    name = f"{variable}\n{statistic or ''}".encode()
    return int.from_bytes(hashlib.blake2b(name, digest_size=8).digest(), "big", signed=True)


def data_hashes(timestamps: Ints, seeds: Ints, values: Floats) -> Hashes:
    """(rows,): the hash of each value; 0 where it is NaN, because the target has no row then. The
    timestamps are µs since 1970, the seeds those of the signals.
    """
    hashes = hash_floats(values, _keys(timestamps, seeds))
    hashes[np.isnan(values)] = 0
    return hashes


def quality_hashes(
    timestamps: Ints, seeds: Ints, counts: Ints, expected: Ints, flags: Ints
) -> Hashes:
    """(rows,): the hash of each row of `quality`. The timestamps are µs since 1970."""
    keys = _keys(timestamps, seeds)
    for numbers in (counts, expected):
        keys = Seeds.of(hash_floats(_not_zero(numbers), keys))
    return hash_floats(_not_zero(flags), keys)


def _not_zero(numbers: Ints) -> Floats:
    return numbers.astype(np.float64) + NOT_ZERO


def _keys(timestamps: Ints, seeds: Ints) -> Seeds:
    mixed = Seeds.of(seeds.view(np.uint64))
    return Seeds.of(hash_floats(timestamps / MICROSECONDS, mixed))
