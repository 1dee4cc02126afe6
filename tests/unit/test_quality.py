"""The quality flags of a window: each says one thing, and none changes a value."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.domain.quality_flags import Flag
from shared.domain.spec import StatisticsSpec
from tests.unit.batches import Column, first_window, minutes, raw_batch, slice_of, windows

FIVE_MINUTES = StatisticsSpec(flatline_s=300)
VARIED = [float(n) for n in range(10)]


def flags(values: Column, spec: StatisticsSpec | None = None) -> Flag:
    return Flag(first_window(values, spec)["flags"])


def with_value(value: float | None) -> list[float | None]:
    """A complete window with this value in its midst."""
    return [*VARIED[:5], value, *VARIED[6:]]


def test_a_complete_window_has_no_flag() -> None:
    assert flags(VARIED) == Flag(0)


def test_a_missing_row_is_incomplete() -> None:
    assert flags(VARIED[:9]) == Flag.INCOMPLETE


def test_a_null_is_a_missing_value_and_nothing_else() -> None:
    assert flags(with_value(None)) == Flag.INCOMPLETE


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_nan_and_infinities_are_left_out_and_flagged(value: float) -> None:
    row = first_window(with_value(value))
    assert row["flags"] == Flag.INCOMPLETE | Flag.NON_FINITE
    assert (row["count"], row["max"], row["mean"]) == (9, 9.0, pytest.approx(40 / 9))


def test_a_window_of_only_nan_is_flagged() -> None:
    row = first_window([math.nan] * 10)
    assert (row["count"], row["mean"]) == (0, None)
    assert row["flags"] == Flag.INCOMPLETE | Flag.NON_FINITE


def test_a_window_without_rows_is_incomplete() -> None:
    assert flags([]) == Flag.INCOMPLETE


def test_more_samples_than_expected_are_complete() -> None:
    rows = windows(raw_batch(slice_of(), [n * 30.0 for n in range(20)], [1.0] * 20))
    assert (rows[0]["count"], rows[0]["flags"]) == (20, 0)


@pytest.mark.parametrize("place", [0, 5, 9])
def test_a_flag_stays_in_its_window(place: int) -> None:
    values = [*VARIED, *VARIED[:place], math.nan, *VARIED[place + 1 :], *VARIED]
    rows = windows(raw_batch(slice_of(), minutes(30), values))
    seen = [row["flags"] for row in rows[:3]]
    assert seen == [0, Flag.INCOMPLETE | Flag.NON_FINITE, 0]


def test_a_repeated_stamp_is_flagged_for_every_variable_of_its_window() -> None:
    part = slice_of(("wind_speed", "power"))
    stamps = [*minutes(20), 60.0]
    rows = windows(raw_batch(part, stamps, [1.0] * 21, [2.0] * 21))
    assert [rows[0]["wind_speed:flags"], rows[0]["power:flags"]] == [Flag.DUPLICATE] * 2
    assert [rows[1]["wind_speed:flags"], rows[1]["power:flags"]] == [0, 0]


def test_a_variable_with_one_value_for_a_repeated_stamp_is_not_flagged() -> None:
    part = slice_of(("wind_speed", "power"))
    stamps = [*minutes(10), *minutes(10)]
    rows = windows(raw_batch(part, stamps, [*VARIED, *[None] * 10], [*[None] * 9, 1.0, *VARIED]))
    assert [rows[0]["wind_speed:flags"], rows[0]["power:flags"]] == [0, Flag.DUPLICATE]


def test_repeated_stamps_do_not_make_up_for_missing_ones() -> None:
    row = windows(raw_batch(slice_of(), [*minutes(9), 60.0], VARIED))[0]
    assert (row["count"], row["flags"]) == (9, Flag.INCOMPLETE | Flag.DUPLICATE)


def test_a_nan_in_a_row_that_was_replaced_is_not_flagged() -> None:
    row = windows(raw_batch(slice_of(), [*minutes(10), 60.0], [0.0, math.nan, *VARIED[2:], 1.0]))[0]
    assert row["flags"] == Flag.DUPLICATE


def test_a_value_that_lasts_for_flatline_s_is_frozen() -> None:
    assert flags([1.0, *[7.0] * 5, 2.0, 3.0, 4.0, 5.0], FIVE_MINUTES) == Flag.FROZEN


def test_a_value_that_lasts_a_sample_less_is_not_frozen() -> None:
    assert flags([1.0, *[7.0] * 4, 2.0, 3.0, 4.0, 5.0, 6.0], FIVE_MINUTES) == Flag(0)


def test_a_whole_window_of_one_value_is_frozen() -> None:
    assert flags([7.0] * 10, StatisticsSpec(flatline_s=600)) == Flag.FROZEN


def test_nothing_is_frozen_by_default() -> None:
    assert flags([7.0] * 10) == Flag(0)


def test_one_long_sample_is_not_frozen() -> None:
    spec = StatisticsSpec(period_s=600, flatline_s=600)
    assert flags([7.0], spec) == Flag(0)


def test_a_run_ends_with_its_window() -> None:
    values = [*VARIED[:6], *[7.0] * 4, *[7.0] * 4, *VARIED[4:]]
    rows = windows(raw_batch(slice_of(spec=FIVE_MINUTES), minutes(20), values))
    assert [row["flags"] for row in rows[:2]] == [0, 0]


def test_a_missing_value_does_not_end_a_run() -> None:
    values = [1.0, 7.0, 7.0, None, 7.0, 7.0, 2.0, 3.0, 4.0, 5.0]
    assert flags(values, FIVE_MINUTES) == Flag.INCOMPLETE | Flag.FROZEN


def test_a_flatline_is_found_only_in_its_window() -> None:
    spec = StatisticsSpec(flatline_s=600)
    rows = windows(raw_batch(slice_of(spec=spec), minutes(20), [*VARIED, *[3.0] * 10]))
    assert [row["flags"] for row in rows[:2]] == [0, Flag.FROZEN]


@pytest.mark.parametrize(("value", "flag"), [(-0.1, 16), (0.0, 0), (40.0, 0), (40.1, 16)])
def test_a_value_beyond_the_limits_is_flagged_and_kept(value: float, flag: int) -> None:
    row = first_window(with_value(value), StatisticsSpec(value_limits={"wind_speed": (0.0, 40.0)}))
    assert row["flags"] == flag
    assert row["mean"] == pytest.approx((40.0 + value) / 10)


def test_limits_are_those_of_their_variable() -> None:
    assert flags([1e9] * 10, StatisticsSpec(value_limits={"power": (0.0, 1.0)})) == Flag(0)


def test_limits_of_a_direction_are_for_the_value_as_read() -> None:
    spec = StatisticsSpec(
        circular_variables=("wind_speed",), value_limits={"wind_speed": (0.0, 360.0)}
    )
    assert flags([-10.0] * 10, spec) == Flag.OUT_OF_RANGE


def test_a_statistic_beyond_float64_is_flagged() -> None:
    assert flags([1.7e308, -1.7e308] * 5) == Flag.NON_FINITE


def test_a_statistic_that_is_not_asked_for_raises_no_flag() -> None:
    assert flags([1.7e308, -1.7e308] * 5, StatisticsSpec(statistics=("min", "max"))) == Flag(0)


def test_flags_add_up() -> None:
    spec = StatisticsSpec(flatline_s=120, value_limits={"wind_speed": (0.0, 5.0)})
    stamps = [*minutes(5), 0.0]
    row = windows(raw_batch(slice_of(spec=spec), stamps, [9.0, 9.0, 9.0, math.nan, 1.0, 9.0]))[0]
    assert row["flags"] == 31


@given(st.lists(st.floats() | st.none() | st.just(7.0), min_size=1, max_size=10))
def test_no_flag_changes_a_value(values: list[float | None]) -> None:
    strict = StatisticsSpec(flatline_s=120, value_limits={"wind_speed": (0.0, 1.0)})
    plain, checked = first_window(values), first_window(values, strict)
    assert {**plain, "flags": None} == {**checked, "flags": None}
