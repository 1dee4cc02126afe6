"""The chunks of a job cover its slices, and queries cover the slices of a chunk."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from typing import Any
from urllib.parse import quote
from zoneinfo import ZoneInfo

from hypothesis import example, given
from hypothesis import strategies as st

from services.extractor.chunks import (
    MAX_NAMES_BYTES,
    SNAPSHOT_BYTES,
    Chunks,
    divide_days,
    queries,
    regular_runs,
    snapshot_s,
)
from shared.domain.job import Job
from shared.domain.slices import Slice, consecutive_runs
from shared.domain.spec import DAY_S, StatisticsSpec
from shared.domain.time_range import ONE_DAY, TimeRange

START = datetime(2025, 12, 5, tzinfo=UTC)
HOUR = timedelta(hours=1)


def job(assets: Sequence[str]) -> Job:
    return Job(
        id=7, state="running", first_day=date(2025, 12, 5), last_day=date(2025, 12, 5),
        timezone="UTC", variables=("wind_speed",), assets=tuple(assets), asset_count=0,
        first_assets=(), spec=StatisticsSpec(), only_changed=False,
        trace="", created_at=START, started_at=START, progressed_at=None, pruned_at=None,
        slices_total=None, published=0, loaded=0, superseded=0, unchanged=0, rows=0, windows=0,
        present=0, expected=0, extract_ms=0.0, aggregate_ms=0.0, load_ms=0.0, reason=None,
        error=None, attempt=2, republished=0, ledger="",
    )  # fmt: skip


def hours(count: int) -> list[TimeRange]:
    return [TimeRange(START + n * HOUR, START + (n + 1) * HOUR) for n in range(count)]


def chunks(assets: int, time_ranges: int, size: int) -> Chunks:
    return of_assets([f"T{n:03}" for n in range(assets)], time_ranges, size)


def of_assets(assets: Sequence[str], time_ranges: int, size: int) -> Chunks:
    return Chunks(job(assets), divide_days([[hour] for hour in hours(time_ranges)], size), size)


def grid(assets: int, time_ranges: int) -> list[tuple[str, TimeRange]]:
    return [(f"T{n:03}", range_) for n in range(assets) for range_ in hours(time_ranges)]


def keys(slices: Sequence[Slice]) -> list[tuple[str, TimeRange]]:
    return [(slice_.asset, slice_.time_range) for slice_ in slices]


@given(st.integers(1, 30), st.integers(1, 30), st.integers(1, 50))
def test_the_chunks_have_each_slice_of_the_job_once(
    assets: int, time_ranges: int, size: int
) -> None:
    of_job = chunks(assets, time_ranges, size)
    slices = [of_job.slices(n) for n in range(len(of_job))]
    assert [key for chunk in slices for key in keys(chunk)] == grid(assets, time_ranges)
    assert all(0 < len(chunk) <= size for chunk in slices)
    assert of_job.slices(len(of_job)) == []


@given(st.integers(1, 30), st.integers(1, 30), st.integers(1, 50))
def test_a_chunk_has_all_time_ranges_of_its_assets_or_one_asset(
    assets: int, time_ranges: int, size: int
) -> None:
    of_job = chunks(assets, time_ranges, size)
    for n in range(len(of_job)):
        chunk = of_job.slices(n)
        names = {slice_.asset for slice_ in chunk}
        assert len(names) == 1 or len(chunk) == len(names) * time_ranges


def test_a_chunk_has_as_many_assets_as_fit() -> None:
    assert [len(chunks(7, 3, 10).slices(n)) for n in range(3)] == [9, 9, 3]
    assert [len(chunks(2, 25, 10).slices(n)) for n in range(6)] == [10, 10, 5, 10, 10, 5]
    assert len(chunks(1_000, 1, 100)) == 10


def test_the_slices_of_a_chunk_are_those_of_the_job_and_its_attempt() -> None:
    [slice_] = chunks(1, 1, 1).slices(0)
    assert (slice_.job, slice_.attempt, slice_.variables) == (7, 2, ("wind_speed",))


def test_a_job_without_assets_or_time_ranges_has_no_chunks() -> None:
    assert len(chunks(0, 5, 10)) == len(chunks(5, 0, 10)) == 0


@given(st.lists(st.integers(1, 9), max_size=20), st.integers(1, 20))
def test_only_a_day_that_is_larger_than_a_chunk_is_divided(lengths: list[int], size: int) -> None:
    left = iter(hours(sum(lengths)))
    days = [[next(left) for _ in range(length)] for length in lengths]
    parts = divide_days(days, size)
    assert [hour for part in parts for hour in part] == hours(sum(lengths))
    assert all(0 < len(part) <= size for part in parts)
    for day in days:
        assert len(day) > size or any(set(day) <= set(part) for part in parts)


@given(st.integers(1, 6), st.integers(1, 8), st.data())
def test_queries_have_each_slice_once(assets: int, time_ranges: int, data: st.DataObject) -> None:
    """Some slices are loaded already, so that the others are not consecutive."""
    every = chunks(assets, time_ranges, assets * time_ranges).slices(0)
    is_missing = data.draw(st.lists(st.booleans(), min_size=len(every), max_size=len(every)))
    missing = [slice_ for slice_, flag in zip(every, is_missing, strict=True) if flag]
    runs = [run for query in queries(consecutive_runs(missing)) for run in query]
    assert sorted(keys([slice_ for run in runs for slice_ in run])) == sorted(keys(missing))
    for run in runs:
        assert len({slice_.asset for slice_ in run}) == 1
        assert all(one.end == following.start for one, following in pairwise(run))


@given(st.integers(1, 6), st.integers(1, 8), st.data())
def test_a_query_has_the_same_time_ranges_for_each_of_its_assets(
    assets: int, time_ranges: int, data: st.DataObject
) -> None:
    every = chunks(assets, time_ranges, assets * time_ranges).slices(0)
    missing = data.draw(st.lists(st.sampled_from(every), unique_by=lambda s: s.identity))
    for query in queries(consecutive_runs(sorted(missing, key=lambda s: s.identity))):
        assert len({run[0].asset for run in query}) == len(query)
        assert len({tuple(slice_.time_range for slice_ in run) for run in query}) == 1


def test_one_query_reads_the_same_days_of_all_assets() -> None:
    assert [len(query) for query in queries(consecutive_runs(chunks(50, 2, 100).slices(0)))] == [50]


@given(st.lists(st.integers(1, 63), min_size=1, max_size=200))
@example([63] * 100)
def test_a_query_has_a_bounded_length_of_names(lengths: list[int]) -> None:
    """A character of a name takes six in a URL here."""
    assets = [f"{n:03}{'µ' * length}" for n, length in enumerate(lengths)]
    slices = of_assets(assets, 1, len(assets)).slices(0)
    found = list(queries(consecutive_runs(slices)))
    assert [run[0].asset for query in found for run in query] == assets
    sizes = [sum(len(f"&asset={quote(run[0].asset)}") for run in query) for query in found]
    assert max(sizes) <= MAX_NAMES_BYTES
    for size, following in zip(sizes, found[1:], strict=False):
        assert size + len(f"&asset={quote(following[0][0].asset)}") > MAX_NAMES_BYTES


def test_a_name_that_is_longer_than_the_bound_has_its_own_query() -> None:
    assets = ["T01", "x" * (MAX_NAMES_BYTES + 1), "T02"]
    slices = of_assets(assets, 1, 3).slices(0)
    assert [[run[0].asset for run in query] for query in queries(consecutive_runs(slices))] == [
        [a] for a in assets
    ]


def test_without_slices_there_are_no_queries() -> None:
    assert list(queries(consecutive_runs([]))) == []


def lengths_in_hours(zone: str, day: date, **spec: Any) -> list[tuple[int, float]]:
    """The slices of each query for the days around `day`, and the hours of its snapshots."""
    of_zone, statistics = ZoneInfo(zone), StatisticsSpec(**spec)
    slices = [
        replace(chunks(1, 1, 1).slices(0)[0], start=start, end=end, spec=statistics)
        for n in range(-2, 3)
        for start, end in statistics.spans(day + n * ONE_DAY, of_zone)
    ]
    return [
        (len(run), snapshot_s(run, of_zone) / 3_600)
        for query in queries(regular_runs(slices, of_zone))
        for run in query
    ]


def test_a_snapshot_is_a_day_of_any_length() -> None:
    assert lengths_in_hours("UTC", date(2025, 12, 5)) == [(5, 24)]
    assert lengths_in_hours("Europe/Berlin", date(2025, 3, 30)) == [(2, 24), (1, 23), (2, 24)]
    assert lengths_in_hours("Europe/Berlin", date(2025, 10, 26)) == [(2, 24), (2, 25), (2, 24)]


def test_slices_that_are_a_part_of_a_day_are_read_as_a_day() -> None:
    days = lengths_in_hours("Europe/Berlin", date(2025, 10, 26), slice_s=21_600)
    assert days == [(4, 24), (4, 24), (5, 25), (4, 24), (4, 24)]


def test_a_day_with_too_many_samples_is_read_slice_by_slice() -> None:
    limit_s = DAY_S * 16 / SNAPSHOT_BYTES
    for period_s, hours_read in ((limit_s, 24), (limit_s * 0.999, 6)):
        days = lengths_in_hours("UTC", date(2025, 12, 5), slice_s=21_600, period_s=period_s)
        assert days == [(4, hours_read)] * 5
