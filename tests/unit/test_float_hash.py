"""The hash of floats: the values that PostgreSQL 15 computes, without a server."""

import math

import numpy as np
import pytest

from shared.domain.float_hash import BLOCK_ROWS, Hashes, Seeds, hash_floats

SEEDS = np.array([0, 1, 2**64 - 1, 2**62 + 12345], np.uint64)
OF_POSTGRESQL = {
    1.5: (0x55762D5A259A2972, 0x2E3D820BF8F0CC07, 0x8B4D6A8B9195CF54, 0x27E04AB687CE29E5),
    -2.25: (0x3CED1F85496F63A1, 0xE5F8BE9E4A94FAC6, 0x30DADFD17CD1470B, 0x6697AB468EB7A3E8),
    5e-324: (0x9F0328BC62B502B0, 0x644C5250E3092733, 0x0126E9042D3ECFE0, 0x16A44CD14EC68EB0),
    math.inf: (0xBAF91D5E80D98CC2, 0xE7305707B094138D, 0x67FDEB07B47042D5, 0x8F8CF3E801DFE46B),
    math.nan: (0x41800F09B3F55F98, 0x32CE81EBC5C927E3, 0x15BEFD1EDD204437, 0x88F912047D08F910),
}


def hashed(value: float, seeds: Hashes) -> list[int]:
    hashes: list[int] = hash_floats(np.full(len(seeds), value), Seeds.of(seeds)).tolist()
    return hashes


@pytest.mark.parametrize("value", OF_POSTGRESQL)
def test_the_hashes_are_those_of_postgresql(value: float) -> None:
    assert hashed(value, SEEDS) == list(OF_POSTGRESQL[value])


def test_the_hash_of_both_zeros_is_the_seed() -> None:
    assert hashed(0.0, SEEDS) == hashed(-0.0, SEEDS) == SEEDS.tolist()


def test_all_nan_have_one_hash() -> None:
    several = np.array([0x7FF8000000000000, 0xFFF8000000000000, 0x7FF0000000000001], np.uint64)
    hashes = hash_floats(several.view(np.float64), Seeds.of(np.ones(3, np.uint64)))
    assert hashes.tolist() == [OF_POSTGRESQL[math.nan][1]] * 3


@pytest.mark.parametrize(("position", "seed"), [(0, 0), (2, -1)])
def test_all_rows_can_have_one_seed(position: int, seed: int) -> None:
    hashes = hash_floats(np.array([1.5, -2.25]), Seeds.same(seed, 2))
    assert hashes.tolist() == [OF_POSTGRESQL[1.5][position], OF_POSTGRESQL[-2.25][position]]


def test_the_bounds_of_blocks_do_not_matter() -> None:
    rows = 2 * BLOCK_ROWS + 5
    values, seeds = np.arange(rows) / 7, np.arange(rows, dtype=np.uint64)
    one_by_one = [
        hash_floats(values[n : n + 1], Seeds.of(seeds[n : n + 1]))[0]
        for n in (0, BLOCK_ROWS - 1, BLOCK_ROWS, 2 * BLOCK_ROWS, rows - 1)
    ]
    hashes = hash_floats(values, Seeds.of(seeds))
    assert hashes[[0, BLOCK_ROWS - 1, BLOCK_ROWS, 2 * BLOCK_ROWS, rows - 1]].tolist() == one_by_one
