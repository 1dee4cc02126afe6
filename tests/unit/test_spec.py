"""What is computed: its checks, the cutting of days into slices, and the names of windows."""

from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from shared.domain.local_time import local_midnight
from shared.domain.spec import DAY_S, SLICE_BYTES, StatisticsSpec

SAO_PAULO, BERLIN = ZoneInfo("America/Sao_Paulo"), ZoneInfo("Europe/Berlin")
ZONES = [ZoneInfo("UTC"), SAO_PAULO, BERLIN, ZoneInfo("Asia/Kolkata")]
LORD_HOWE = ZoneInfo("Australia/Lord_Howe")
BEGAN_AND_ENDED_TWICE = date(2018, 2, 17)
MIDNIGHT_DID_NOT_EXIST = date(2018, 11, 4)


def hours(day: date, zone: ZoneInfo) -> float:
    spans = list(StatisticsSpec().spans(day, zone))
    return (spans[-1][1] - spans[0][0]) / timedelta(hours=1)


def window_count(day: date, zone: ZoneInfo) -> int:
    seconds = [(end - start).total_seconds() for start, end in StatisticsSpec().spans(day, zone)]
    return round(sum(seconds) / StatisticsSpec().window_s)


def test_a_day_is_one_slice_of_24_hours() -> None:
    start = datetime(2025, 12, 5, tzinfo=UTC)
    spans = list(StatisticsSpec().spans(date(2025, 12, 5), ZoneInfo("UTC")))
    assert spans == [(start, start + timedelta(days=1))]


def test_a_day_of_another_zone_is_given_in_utc() -> None:
    spans = list(StatisticsSpec().spans(date(2025, 12, 5), SAO_PAULO))
    start = datetime(2025, 12, 5, 3, tzinfo=UTC)
    assert spans == [(start, start + timedelta(days=1))]
    assert {stamp.tzinfo for span in spans for stamp in span} == {UTC}


@pytest.mark.parametrize(
    ("day", "zone", "expected"),
    [
        (MIDNIGHT_DID_NOT_EXIST, SAO_PAULO, 23),
        (BEGAN_AND_ENDED_TWICE, SAO_PAULO, 25),
        (date(2025, 12, 5), SAO_PAULO, 24),
        (date(2025, 3, 30), BERLIN, 23),
        (date(2025, 10, 26), BERLIN, 25),
        (date(2025, 4, 6), LORD_HOWE, 24.5),
        (date(2025, 10, 5), LORD_HOWE, 23.5),
    ],
)
def test_a_day_with_a_clock_change_has_its_real_length(
    day: date, zone: ZoneInfo, expected: float
) -> None:
    assert hours(day, zone) == expected


@pytest.mark.parametrize(
    ("day", "expected"),
    [(date(2025, 3, 30), 138), (date(2025, 10, 26), 150), (date(2025, 3, 31), 144)],
)
def test_berlin_has_138_or_150_windows_when_its_clocks_change(day: date, expected: int) -> None:
    assert window_count(day, BERLIN) == expected


def test_a_day_whose_midnight_does_not_exist_begins_when_the_day_before_ends() -> None:
    before = list(StatisticsSpec().spans(MIDNIGHT_DID_NOT_EXIST - timedelta(days=1), SAO_PAULO))
    after = list(StatisticsSpec().spans(MIDNIGHT_DID_NOT_EXIST, SAO_PAULO))
    assert before[-1][1] == after[0][0] == datetime(2018, 11, 4, 3, tzinfo=UTC)


@given(
    st.dates(date(1990, 1, 1), date(2037, 12, 31)),
    st.sampled_from([*ZONES, LORD_HOWE]),
    st.sampled_from([600, 3600, 6 * 3600, DAY_S]),
)
def test_slices_follow_each_other_without_gap_from_midnight_to_midnight(
    day: date, zone: ZoneInfo, slice_s: int
) -> None:
    spans = list(StatisticsSpec(slice_s=slice_s).spans(day, zone))
    assert spans[0][0] == local_midnight(day, zone)
    assert spans[-1][1] == local_midnight(day + timedelta(days=1), zone)
    assert all(end == start for (_, end), (start, _) in pairwise(spans))
    assert all(0 < (end - start).total_seconds() <= slice_s for start, end in spans)


def test_only_the_last_slice_of_a_day_is_shorter() -> None:
    spans = list(StatisticsSpec(slice_s=6 * 3600).spans(date(2025, 10, 26), BERLIN))
    assert [(end - start) / timedelta(hours=1) for start, end in spans] == [6, 6, 6, 6, 1]


@pytest.mark.parametrize(
    ("period_s", "rows", "expected_s"),
    [
        (60.0, 100_000, DAY_S),
        (1.0, 100_000, DAY_S),
        (1.0, 86_400, DAY_S),
        (1.0, 86_399, DAY_S // 2),
        (0.1, 100_000, DAY_S // 9),
        (0.1, 1, 600),
    ],
)
def test_a_slice_is_the_largest_equal_piece_of_a_day_within_the_rows(
    period_s: float, rows: int, expected_s: int
) -> None:
    assert (
        StatisticsSpec.with_slice_size(rows_per_slice=rows, period_s=period_s).slice_s == expected_s
    )


@given(
    st.sampled_from([1, 60, 600, 900, 3600, DAY_S]),
    st.sampled_from([0.05, 0.1, 1.0, 7.0, 60.0]),
    st.integers(1, 1_000_000),
)
def test_a_slice_length_divides_the_day_into_whole_windows(
    window_s: int, period_s: float, rows: int
) -> None:
    if period_s > window_s:
        return
    spec = StatisticsSpec.with_slice_size(rows_per_slice=rows, window_s=window_s, period_s=period_s)
    assert (DAY_S % spec.slice_s, spec.slice_s % window_s) == (0, 0)
    assert spec.slice_s / period_s <= rows or spec.slice_s == window_s


@pytest.mark.parametrize(
    ("window_s", "label"),
    [(600, "10m"), (3600, "1h"), (30, "30s"), (90, "90s"), (DAY_S, "24h"), (5400, "90m")],
)
def test_a_window_is_named_by_the_largest_unit_that_divides_it(window_s: int, label: str) -> None:
    assert StatisticsSpec(window_s=window_s, period_s=1.0).window_label == label


@pytest.mark.parametrize(("variables", "window_s"), [(1, 600), (32, 600), (100, 600), (100, 1)])
def test_a_slice_fits_into_a_message_whatever_the_number_of_variables(
    variables: int, window_s: int
) -> None:
    spec = StatisticsSpec.with_slice_size(
        rows_per_slice=10**6, variables=variables, window_s=window_s, period_s=1.0,
    )  # fmt: skip
    samples = 8 * (1 + variables) * spec.slice_s
    statistics = 8 * (2 + 6 * variables) * (spec.slice_s // window_s)
    assert max(samples, statistics) <= SLICE_BYTES


@pytest.mark.parametrize(
    ("fields", "complaint"),
    [
        ({"window_s": 7}, "not a multiple"),
        ({"window_s": 0}, "greater than or equal to 1"),
        ({"window_s": 2 * DAY_S}, "less than or equal to 86400"),
        ({"period_s": 0}, "greater than"),
        ({"period_s": -1}, "greater than"),
        ({"period_s": 1e-320}, "greater than"),
        ({"period_s": float("nan")}, "greater than"),
        ({"period_s": 601}, "longer than the window"),
        ({"period_s": float("inf")}, "longer than the window"),
        ({"statistics": []}, "each once"),
        ({"statistics": ["mean", "mean"]}, "each once"),
        ({"statistics": ["median"]}, "'mean', 'min', 'max' or 'std'"),
        ({"ddof": 2}, "0 or 1"),
        ({"flatline_s": 0}, "flatline_s <= window_s"),
        ({"flatline_s": 601}, "flatline_s <= window_s"),
        ({"flatline_s": float("nan")}, "flatline_s <= window_s"),
        ({"slice_s": 900}, "whole windows"),
        ({"value_limits": {"power": (0, float("inf"))}}, "finite"),
        ({"value_limits": {"power": (float("nan"), 1)}}, "finite"),
        ({"value_limits": {"power": (1, 0)}}, "the lower limit comes first"),
        ({"colour": "red"}, "not permitted"),
    ],
)
def test_an_invalid_specification_is_refused(fields: dict[str, Any], complaint: str) -> None:
    with pytest.raises(ValidationError, match=complaint):
        StatisticsSpec.model_validate(fields)


@pytest.mark.parametrize(
    "spec",
    [
        StatisticsSpec(),
        StatisticsSpec(
            ddof=0, statistics=("max",), circular_variables=("direction",), flatline_s=60.5
        ),
        StatisticsSpec(value_limits={"power": (-1e308, 1e308)}, period_s=0.1, slice_s=600),
    ],
)
def test_a_spec_comes_back_from_its_json(spec: StatisticsSpec) -> None:
    assert StatisticsSpec.model_validate_json(spec.model_dump_json(exclude_defaults=True)) == spec
