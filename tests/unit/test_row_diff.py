"""What a load writes: only what differs from what stands, whatever stands."""

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
    """Rows by (signal id, stamp in µs), in the order of the primary key."""
    ordered = sorted(rows)
    return TargetRows(
        np.array([stamp for _, stamp in ordered], np.int64).view("datetime64[us]"),
        np.array([id for id, _ in ordered], np.int32),
        np.array([rows[key] for key in ordered], np.float64),
    )


def rows(found: TargetRows) -> Rows:
    stamps = found.timestamp.view(np.int64)
    return dict(zip(zip(found.signal_id.tolist(), stamps.tolist(), strict=True),
                    found.value.tolist(), strict=True))  # fmt: skip


@given(standing=st.dictionaries(keys, numbers), coming=st.dictionaries(keys, numbers))
def test_applied_to_what_stands_it_gives_what_comes(standing: Rows, coming: Rows) -> None:
    found = row_diff(values(standing), values(coming))
    result = dict(standing)
    for key in rows(found.gone):
        del result[key]
    result |= rows(found.changed) | rows(found.new)
    assert result == coming


@given(standing=st.dictionaries(keys, numbers), coming=st.dictionaries(keys, numbers))
def test_it_touches_nothing_that_is_right_already(standing: Rows, coming: Rows) -> None:
    found = row_diff(values(standing), values(coming))
    assert rows(found.new) == {k: v for k, v in coming.items() if k not in standing}
    assert rows(found.changed) == {
        k: v for k, v in coming.items() if k in standing and standing[k] != v
    }
    assert rows(found.gone) == {k: v for k, v in standing.items() if k not in coming}


def test_a_value_that_is_no_number_is_replaced() -> None:
    found = row_diff(values({(1, 0): np.nan}), values({(1, 0): 1.0}))
    assert rows(found.changed) == {(1, 0): 1.0}


@pytest.mark.parametrize("value", [7.0, -1e-9, 1e300])
def test_a_correction_of_the_last_digit_is_written(value: float) -> None:
    corrected = np.nextafter(value, np.inf)
    found = row_diff(values({(1, 0): value}), values({(1, 0): corrected}))
    assert rows(found.changed) == {(1, 0): corrected}


@pytest.mark.parametrize("rest", [{}, {(2, 0): 1.0}], ids=["nothing else", "something else"])
def test_the_same_again_is_no_difference(rest: Rows) -> None:
    same = values({(1, 0): 1.0, (1, 1): 2.0} | rest)
    found = row_diff(same, same)
    assert [len(part) for part in (found.new, found.changed, found.gone)] == [0, 0, 0]
