"""The content of a slice: what changes it, and what does not."""

from collections.abc import Sequence

import numpy as np
import pytest

from shared.domain.content_hash import data_hashes, quality_hashes, seed_of
from shared.domain.fingerprint import Ints

TIMESTAMPS = np.array([0, 600, 1200]) * 1_000_000
MEAN = seed_of("power", "mean")


def of_data(values: Sequence[float], seed: int = MEAN, timestamps: Ints = TIMESTAMPS) -> int:
    return int(data_hashes(timestamps, np.full(len(values), seed), np.array(values)).sum())


def of_quality(count: int, expected: int, flags: int) -> int:
    numbers = np.array([[count], [expected], [flags]])
    return int(quality_hashes(TIMESTAMPS[:1], np.array([seed_of("power", None)]), *numbers).sum())


def test_any_change_of_a_value_changes_the_content() -> None:
    changed = [
        of_data([1.0, 2.0, 3.0]),
        of_data([1.0, 2.0, 3.0000000000000004]),
        of_data([1.0, 3.0, 2.0]),
        of_data([1.0, 2.0, np.nan]),
        of_data([1.0, 2.0, 0.0]),
        of_data([1.0, 2.0, 3.0], timestamps=TIMESTAMPS + 1),
        of_data([1.0, 2.0, 3.0], seed_of("power", "max")),
        of_data([1.0, 2.0, 3.0], seed_of("wind_speed", "mean")),
    ]
    assert len(set(changed)) == len(changed)


def test_a_window_without_a_value_has_no_row() -> None:
    assert of_data([1.0, np.nan, 3.0]) == of_data([1.0, 3.0], timestamps=TIMESTAMPS[[0, 2]])
    assert of_data([np.nan] * 3) == 0


@pytest.mark.parametrize("other", [(5, 0, 1), (0, 5, 2), (1, 5, 0), (0, 1, 5), (0, 6, 1)])
def test_the_numbers_of_a_quality_row_cannot_be_exchanged(other: tuple[int, int, int]) -> None:
    assert of_quality(*other) != of_quality(0, 5, 1)


def test_contents_are_stable_across_releases() -> None:
    """The ledger keeps them: with others, a release would find every slice changed."""
    assert of_data([1.0, -2.5, 0.0]) == 0x91E2B9380ED2388D
    assert of_quality(9, 10, 1) == 0x56345F19E0FA0246
