"""The numbers of a window, by example."""

import math
from datetime import UTC, datetime, timedelta

import pyarrow as pa
import pytest

from services.aggregator.aggregate import aggregate
from shared.domain.batches import StatsBatch
from shared.domain.spec import StatisticsSpec
from shared.errors import InvalidInput
from tests.unit.batches import DAY, first_window, minutes, raw_batch, slice_of, windows

TEN = [3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0, 10.0, 11.0, 12.0]


def test_a_complete_window_has_count_mean_min_max_and_sample_deviation() -> None:
    expected = {
        "timestamp": DAY, "expected": 10, "count": 10, "flags": 0,
        "mean": 7.5, "min": 3.0, "max": 12.0, "std": pytest.approx(math.sqrt(82.5 / 9), rel=1e-15),
    }  # fmt: skip
    assert expected == first_window(TEN)


def test_the_population_deviation_is_a_setting() -> None:
    std = first_window(TEN, StatisticsSpec(ddof=0))["std"]
    assert std == pytest.approx(math.sqrt(8.25), rel=1e-15)


def test_only_the_statistics_asked_for_are_computed_and_in_their_order() -> None:
    raw = raw_batch(
        slice_of(spec=StatisticsSpec(statistics=("std", "mean"))), minutes(2), [1.0, 3.0]
    )
    names = ["timestamp", "expected", "wind_speed:count", "wind_speed:flags"]
    expected = [*names, "wind_speed:std", "wind_speed:mean"]
    assert expected == aggregate(raw).table.schema.names


@pytest.mark.parametrize("statistic", ["mean", "min", "max", "std"])
def test_a_statistic_does_not_depend_on_the_others(statistic: str) -> None:
    spec = StatisticsSpec.model_validate({"statistics": [statistic]})
    assert first_window(TEN)[statistic] == first_window(TEN, spec)[statistic]


def test_the_columns_are_those_of_a_stats_batch() -> None:
    part = slice_of(("wind_speed", "power"))
    stats = aggregate(raw_batch(part, minutes(3), [1.0, 2.0, None], [5.0, 6.0, 7.0]))
    assert StatsBatch.schema(part.variables, part.spec) == stats.table.schema
    stats.table.validate(full=True)


def test_the_batch_keeps_its_slice_its_rows_and_the_time_already_spent() -> None:
    raw = raw_batch(slice_of(), minutes(3), [1.0, 2.0, 3.0])
    stats = aggregate(raw)
    assert (raw.slices[0], 3, raw.extract_ms) == (stats.slices[0], stats.rows[0], stats.extract_ms)


def test_a_day_without_samples_has_144_empty_windows() -> None:
    rows = windows(raw_batch(slice_of(), [], []))
    assert [DAY + timedelta(minutes=10 * n) for n in range(144)] == [r["timestamp"] for r in rows]
    empty = {"count": 0, "mean": None, "min": None, "max": None, "std": None}
    assert all(empty.items() <= row.items() for row in rows)


def test_one_sample_has_no_deviation() -> None:
    expected = {"count": 1, "mean": 4.5, "min": 4.5, "max": 4.5, "std": None}
    assert expected.items() <= first_window([4.5]).items()


def test_one_sample_has_no_population_deviation_either() -> None:
    assert first_window([4.5], StatisticsSpec(ddof=0))["std"] is None


def test_zero_is_a_value_and_not_a_gap() -> None:
    expected = {"count": 2, "mean": 0.0, "min": 0.0, "max": 0.0, "std": 0.0}
    assert expected.items() <= first_window([0.0, 0.0]).items()


@pytest.mark.parametrize("constant", [0.1, 8.3, -1e6 / 3, 1e300, 5e-324, 1e308])
def test_a_constant_is_its_own_mean_and_has_a_std_of_0(constant: float) -> None:
    row = first_window([constant] * 10)
    assert (constant, constant, constant, 0.0) == tuple(
        row[s] for s in ("mean", "min", "max", "std")
    )


def test_a_stamp_on_an_edge_belongs_to_the_window_that_begins_there() -> None:
    rows = windows(raw_batch(slice_of(), [0.0, 599.999999, 600.0], [1.0, 2.0, 3.0]))
    assert [row["count"] for row in rows[:2]] == [2, 1]


def test_a_missing_first_minute_does_not_shift_windows() -> None:
    rows = windows(raw_batch(slice_of(), minutes(20)[1:], TEN[1:] + TEN))
    assert [(DAY, 9), (DAY + timedelta(minutes=10), 10)] == [
        (row["timestamp"], row["count"]) for row in rows[:2]
    ]


def test_midnight_belongs_to_the_next_day() -> None:
    with pytest.raises(InvalidInput, match=r"2025-12-06T00:00:00\.000000Z") as rejected:
        aggregate(raw_batch(slice_of(), [86_399.0, 86_400.0], [1.0, 2.0]))
    assert rejected.value.reason == "contract"


def test_a_row_before_the_slice_is_refused() -> None:
    with pytest.raises(InvalidInput, match=r"2025-12-04T23:59:59\.999999Z"):
        aggregate(raw_batch(slice_of(), [1.0, -1e-6], [1.0, 2.0]))


def test_a_row_without_a_timestamp_is_refused() -> None:
    raw = raw_batch(slice_of(), minutes(2), [1.0, 2.0])
    table = raw.table.set_column(0, raw.table.schema.field(0), [[DAY, None]])
    with pytest.raises(InvalidInput, match="1 rows without a timestamp") as rejected:
        aggregate(type(raw)(slices=raw.slices, table=table, rows=(2,)))
    assert rejected.value.reason == "contract"


def test_an_hour_null_in_one_variable_leaves_the_other_alone() -> None:
    part = slice_of(("wind_speed", "power"))
    speeds = [None if 60 <= n < 120 else 5.0 for n in range(180)]
    rows = windows(raw_batch(part, minutes(180), speeds, [100.0] * 180))
    assert [row["wind_speed:count"] for row in rows[:18]] == [10] * 6 + [0] * 6 + [10] * 6
    assert [(row["power:count"], row["power:flags"]) for row in rows[:18]] == [(10, 0)] * 18


def test_the_last_of_two_rows_with_one_timestamp_counts() -> None:
    row = windows(raw_batch(slice_of(), [0, 60, 0], [1.0, 2.0, 4.0]))[0]
    assert {"count": 2, "mean": 3.0, "min": 2.0, "max": 4.0}.items() <= row.items()


def test_rows_with_one_timestamp_are_merged_and_the_last_value_counts() -> None:
    part = slice_of(("wind_speed", "power"))
    row = windows(raw_batch(part, [0, 0, 0], [1.0, None, None], [5.0, 6.0, None]))[0]
    assert (row["wind_speed:count"], row["wind_speed:mean"]) == (1, 1.0)
    assert (row["power:count"], row["power:mean"]) == (1, 6.0)


def test_rows_in_any_order_give_the_same_table() -> None:
    seconds, values = minutes(30), [float(n * n) for n in range(30)]
    order = [(n * 7) % 30 for n in range(30)]
    shuffled = raw_batch(slice_of(), [seconds[n] for n in order], [values[n] for n in order])
    assert aggregate(raw_batch(slice_of(), seconds, values)).table == aggregate(shuffled).table


def test_a_table_in_several_chunks_is_read_as_one() -> None:
    raw = raw_batch(slice_of(), minutes(10), [*TEN[:4], None, *TEN[5:]])
    pieces = [raw.table.slice(n, 3) for n in (0, 3, 6, 9)]
    chunked = type(raw)(slices=raw.slices, table=pa.concat_tables(pieces), rows=(10,))
    assert aggregate(raw).table == aggregate(chunked).table


def test_subsecond_samples_are_binned_by_their_own_time() -> None:
    spec = StatisticsSpec(period_s=0.1)
    row = windows(raw_batch(slice_of(spec=spec), [n / 10 for n in range(6001)], [1.0] * 6001))[0]
    assert (row["count"], row["flags"]) == (6000, 0)


@pytest.mark.parametrize(("period_s", "expected"), [(7.0, 86), (9.0, 67), (350.0, 2), (480.0, 1)])
def test_the_samples_expected_are_window_by_period_to_the_nearest(
    period_s: float, expected: int
) -> None:
    row = windows(raw_batch(slice_of(spec=StatisticsSpec(period_s=period_s)), [], []))[0]
    assert row["expected"] == expected


def test_the_last_window_ends_with_a_slice_that_a_clock_change_cut() -> None:
    start = datetime(2025, 4, 5, 13, tzinfo=UTC)
    spec = StatisticsSpec(window_s=3600)
    part = slice_of(spec=spec, start=start, end=start + timedelta(hours=1, minutes=30))
    rows = windows(raw_batch(part, minutes(90), [1.0] * 90))
    last = start + timedelta(hours=1)
    seen = [(row["timestamp"], row["count"], row["expected"], row["flags"]) for row in rows]
    assert seen == [(start, 60, 60, 0), (last, 30, 30, 0)]


def test_the_deviation_is_corrected_for_the_rounding_of_the_mean() -> None:
    """The mean of these lies between two floats, which are 1 apart there."""
    std = first_window([2.0**52, 2.0**52 + 1, 2.0**52 + 1])["std"]
    assert std == pytest.approx(math.sqrt(1 / 3), rel=1e-15)


def test_a_statistic_that_overflows_is_null() -> None:
    row = first_window([1.7e308, -1.7e308, 1.7e308])
    found = [row[k] for k in ("mean", "min", "max", "std")]
    assert found == [None, -1.7e308, 1.7e308, None]


def test_a_sum_beyond_float64_still_has_its_mean() -> None:
    assert first_window([1.6e308, 1.7e308])["mean"] == pytest.approx(1.65e308, rel=1e-15)
