"""The difference that a load writes: only rows that differ from the existing ones."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.loader.row_diff import row_diff
from services.loader.target_rows import TargetRows

Rows = dict[tuple[int, int], float]

keys = st.tuples(st.integers(1, 3), st.integers(-2, 4))
numbers = st.sampled_from((0.0, -0.0, 1.5, -2.25, 1e300))


def values(rows: Rows) -> TargetRows:
    """Rows by (signal id, timestamp in µs), in the order of the primary key."""
    ordered = sorted(rows)
    return TargetRows(
        np.array([timestamp for _, timestamp in ordered], np.int64).view("datetime64[us]"),
        np.array([id for id, _ in ordered], np.int32),
        np.array([rows[key] for key in ordered], np.float64),
    )


def rows(target_rows: TargetRows) -> Rows:
    timestamps = target_rows.timestamp.view(np.int64)
    keys = zip(target_rows.signal_id.tolist(), timestamps.tolist(), strict=True)
    return dict(zip(keys, target_rows.value.tolist(), strict=True))


@given(existing=st.dictionaries(keys, numbers), incoming=st.dictionaries(keys, numbers))
def test_the_difference_turns_existing_into_incoming_rows(existing: Rows, incoming: Rows) -> None:
    diff = row_diff(values(existing), values(incoming))
    result = dict(existing)
    for key in rows(diff.deleted):
        del result[key]
    result |= rows(diff.changed) | rows(diff.new)
    assert result == incoming


@given(existing=st.dictionaries(keys, numbers), incoming=st.dictionaries(keys, numbers))
def test_the_difference_has_no_row_that_is_equal_already(existing: Rows, incoming: Rows) -> None:
    diff = row_diff(values(existing), values(incoming))
    assert rows(diff.new) == {k: v for k, v in incoming.items() if k not in existing}
    assert rows(diff.changed) == {
        k: v for k, v in incoming.items() if k in existing and existing[k] != v
    }
    assert rows(diff.deleted) == {k: v for k, v in existing.items() if k not in incoming}


def test_nan_is_replaced() -> None:
    diff = row_diff(values({(1, 0): np.nan}), values({(1, 0): 1.0}))
    assert rows(diff.changed) == {(1, 0): 1.0}


@pytest.mark.parametrize("value", [7.0, -1e-9, 1e300])
def test_a_correction_of_the_last_digit_is_written(value: float) -> None:
    corrected = np.nextafter(value, np.inf)
    diff = row_diff(values({(1, 0): value}), values({(1, 0): corrected}))
    assert rows(diff.changed) == {(1, 0): corrected}


@pytest.mark.parametrize("rest", [{}, {(2, 0): 1.0}], ids=["no other row", "another row"])
def test_equal_rows_have_no_difference(rest: Rows) -> None:
    same = values({(1, 0): 1.0, (1, 1): 2.0} | rest)
    diff = row_diff(same, same)
    assert [len(rows) for rows in (diff.new, diff.changed, diff.deleted)] == [0, 0, 0]
