"""Fingerprints: what changes them, and what does not."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.domain import fingerprint
from shared.domain.batches import TIMESTAMP
from shared.domain.fingerprint import combine, fingerprints

START = datetime(2025, 12, 5, tzinfo=UTC)
NOTHING = "0" * 16

Sample = tuple[int, float | None]

samples = st.lists(
    st.tuples(st.integers(0, 50), st.none() | st.floats(allow_nan=False, width=64)), max_size=30
)


def table(rows: Sequence[Sample]) -> pa.Table:
    stamps = [START + timedelta(minutes=minute) for minute, _ in rows]
    values = [value for _, value in rows]
    return pa.table(
        {"timestamp": pa.array(stamps, TIMESTAMP), "power": pa.array(values, pa.float64())}
    )


def of(rows: Sequence[Sample]) -> str:
    [found] = fingerprints(table(rows))
    return found


@given(samples, st.integers(0, 50))
def test_the_parts_of_any_division_in_time_add_up_to_the_whole(rows: list[Sample], at: int) -> None:
    before, after = [r for r in rows if r[0] < at], [r for r in rows if r[0] >= at]
    assert combine([of(before), of(after)]) == of(rows)


@given(samples.filter(lambda rows: len({m for m, _ in rows}) == len(rows)), st.randoms())
def test_rows_of_different_stamps_may_come_in_any_order(rows: list[Sample], rng: object) -> None:
    mixed = list(rows)
    rng.shuffle(mixed)  # type: ignore[attr-defined]
    assert of(mixed) == of(rows)


@pytest.mark.parametrize(
    "changed",
    [
        [(0, 1.0), (1, 2.0)],
        [(0, 1.0), (1, 2.0), (2, 3.0000000000000004)],
        [(0, 1.0), (1, 2.0), (3, 3.0)],
        [(0, 1.0), (1, 3.0), (2, 2.0)],
        [(0, 1.0), (1, 2.0), (2, None)],
        [(0, 1.0), (1, 2.0), (2, float("nan"))],
        [(0, 1.0), (1, 2.0), (2, 3.0), (2, 3.0)],
        [(0, 1.0), (1, 2.0), (2, 3.0), (3, 0.0)],
    ],
    ids=["gone", "last bit", "moved", "swapped", "null", "nan", "doubled", "more"],
)
def test_any_change_changes_the_fingerprint(changed: list[Sample]) -> None:
    assert of(changed) != of([(0, 1.0), (1, 2.0), (2, 3.0)])


def test_the_order_of_rows_with_one_timestamp_matters() -> None:
    assert of([(0, 1.0), (0, 2.0)]) != of([(0, 2.0), (0, 1.0)])


def test_zeros_that_move_change_the_fingerprint() -> None:
    """A turbine that stands still: the sum of its timestamps is not enough."""
    assert of([(0, 0.0), (3, 0.0)]) != of([(1, 0.0), (2, 0.0)])


def test_a_missing_value_is_not_hashed() -> None:
    assert of([(0, None), (1, None)]) == of([]) == NOTHING


def test_the_same_values_under_two_names_are_the_same_samples() -> None:
    doubled = table([(0, 1.0)])
    assert len(set(fingerprints(doubled.append_column("other", doubled["power"])))) == 1


def test_equal_timestamps_of_two_assets_are_independent() -> None:
    stamps = fingerprint.timestamps_of(table([(0, 1.0), (0, 2.0)])["timestamp"])
    first, second = fingerprint.row_keys(stamps, np.array([True])).seeds
    assert first == second


def test_fingerprints_are_stable_across_releases() -> None:
    """The ledger keeps them: a release that computes others would find every day changed."""
    assert of([(0, 1.0), (1, -2.5), (1, 0.0), (2, float("nan")), (3, None)]) == "962d3168c6a22a85"
