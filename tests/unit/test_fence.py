"""The fence: what an older job may still replace."""

from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.loader.fence import LoadedSpan, Patch, make_patches, subtract
from shared.domain.batches import StatsBatch
from shared.domain.slices import Slice
from shared.domain.spec import Statistic, StatisticsSpec
from shared.domain.time_range import TimeRange
from tests.unit.batches import DAY, ONE_DAY

HOUR = timedelta(hours=1)


def hours(start: float, end: float) -> TimeRange:
    """A time range of `DAY`, in hours."""
    return TimeRange(DAY + start * HOUR, DAY + end * HOUR)


def loaded(job: int, start: float = 0, end: float = 24, **changes: object) -> LoadedSpan:
    fields: dict[str, object] = {
        "job": job, "time_range": hours(start, end), "asset": "T01", "window_s": 600,
        "variables": ("wind_speed",), "statistics": ("mean",), **changes,
    }  # fmt: skip
    return LoadedSpan(**fields)  # type: ignore[arg-type]


def stats(
    job: int,
    *,
    variables: tuple[str, ...] = ("wind_speed",),
    start: datetime = DAY,
    length: timedelta = ONE_DAY,
    statistics: tuple[Statistic, ...] = ("mean",),
) -> StatsBatch:
    spec = StatisticsSpec(statistics=statistics)
    slice_ = Slice(
        job=job, asset="T01", start=start, end=start + length, variables=variables, spec=spec
    )
    return StatsBatch(
        slices=(slice_,),
        table=StatsBatch.schema(variables, spec).empty_table(),
        rows=(0,),
        fingerprints=(("0" * 16,) * len(variables),),
    )


def replaced(patches: list[Patch]) -> dict[tuple[int, str, str | None], tuple[TimeRange, ...]]:
    return {
        (patch.batch.job, patch.variable, patch.statistic): patch.time_ranges(0)
        for patch in patches
    }


@pytest.mark.parametrize(
    ("removed", "rest"),
    [
        ((0, 6), [(6, 18)]),
        ((6, 9), [(9, 18)]),
        ((9, 12), [(6, 9), (12, 18)]),
        ((12, 24), [(6, 12)]),
        ((6, 18), []),
        ((0, 24), []),
        ((0, 5), [(6, 18)]),
        ((18, 24), [(6, 18)]),
    ],
    ids=["front", "from its start", "middle", "end", "all", "more", "before", "after"],
)
def test_subtracting_a_range_leaves_what_is_before_and_after_it(
    removed: tuple[int, int], rest: list[tuple[int, int]]
) -> None:
    assert subtract(hours(6, 18), hours(*removed)) == [hours(*bounds) for bounds in rest]


@given(bounds=st.lists(st.integers(0, 48), min_size=4, max_size=4))
def test_a_time_is_left_if_it_is_in_the_range_and_was_not_removed(bounds: list[int]) -> None:
    (a, b), (c, d) = sorted(bounds[:2]), sorted(bounds[2:])
    rest = subtract(hours(a / 2, b / 2), hours(c / 2, d / 2))
    for half in range(49):
        time = DAY + half / 2 * HOUR
        is_left = any(start <= time < end for start, end in rest)
        assert is_left == (a <= half < b and not c <= half < d)


def test_without_newer_jobs_the_whole_slice_is_replaced() -> None:
    patch, quality = make_patches([stats(5)], [])
    assert patch.fenced == quality.fenced == {}
    assert patch.time_ranges(0) == quality.time_ranges(0) == (hours(0, 24),)


@pytest.mark.parametrize(
    "other",
    [
        loaded(4),
        loaded(5),
        loaded(6, asset="T02"),
        loaded(6, window_s=3_600),
        loaded(6, variables=("power",)),
        loaded(6, start=24, end=48),
    ],
    ids=["older", "the same job", "asset", "window", "variable", "day"],
)
def test_windows_of_older_jobs_and_of_others_make_no_difference(other: LoadedSpan) -> None:
    assert [patch.fenced for patch in make_patches([stats(5)], [other])] == [{}, {}]


def test_nothing_is_replaced_where_newer_jobs_cover_the_slice() -> None:
    for patch in make_patches([stats(5)], [loaded(6, 0, 10), loaded(9, 10, 24)]):
        assert patch.fenced == {0: ()}
        assert patch.time_ranges(0) == ()


def test_what_lies_between_newer_jobs_is_replaced() -> None:
    patch, _ = make_patches([stats(5)], [loaded(7, 18, 30), loaded(6, 3, 9), loaded(8, 8, 10)])
    assert patch.time_ranges(0) == (hours(0, 3), hours(10, 18))


def test_the_fence_is_kept_for_each_variable() -> None:
    patches = make_patches(
        [stats(5, variables=("wind_speed", "power"))], [loaded(6, variables=("power",))]
    )
    assert replaced(patches) == {
        (5, "wind_speed", "mean"): (hours(0, 24),), (5, "wind_speed", None): (hours(0, 24),),
        (5, "power", "mean"): (), (5, "power", None): (),
    }  # fmt: skip


def test_the_fence_is_kept_for_each_statistic_and_quality_follows_any() -> None:
    newer, older = stats(6, length=6 * HOUR), stats(5, statistics=("mean", "std"))
    patches = make_patches([older, newer], [loaded(7, 20, 24, statistics=("max",))])
    assert replaced(patches) == {
        (6, "wind_speed", "mean"): (hours(0, 6),), (6, "wind_speed", None): (hours(0, 6),),
        (5, "wind_speed", "mean"): (hours(6, 24),), (5, "wind_speed", "std"): (hours(0, 24),),
        (5, "wind_speed", None): (hours(6, 20),),
    }  # fmt: skip


def test_the_newest_of_the_batches_in_one_transaction_wins_in_any_order() -> None:
    batches = [stats(6, start=DAY + 6 * HOUR, length=6 * HOUR), stats(5), stats(4)]
    expected = {6: (hours(6, 12),), 5: (hours(0, 6), hours(12, 24)), 4: ()}
    for ordered in (batches, batches[::-1]):
        patches = make_patches(ordered, [])
        assert {patch.batch.job: patch.time_ranges(0) for patch in patches} == expected


def test_the_fence_is_kept_for_each_slice_of_a_batch() -> None:
    days = [stats(5, start=DAY + n * ONE_DAY).slices[0] for n in range(3)]
    slices = (*days, replace(days[1], asset="T02"))
    batch = replace(stats(5), slices=slices, rows=(0,) * 4, fingerprints=stats(5).fingerprints * 4)
    newer = [loaded(6, 36, 42), loaded(6, 48, 72), loaded(4, 0, 24), loaded(9, 0, 6, asset="T03")]
    for patch in make_patches([batch], newer):
        assert patch.fenced == {1: (hours(24, 36), hours(42, 48)), 2: ()}
        assert [patch.time_ranges(n) for n in range(4)] == [
            (hours(0, 24),), (hours(24, 36), hours(42, 48)), (), (hours(24, 48),),
        ]  # fmt: skip
