"""What an older slice may still replace."""

from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.loader.fence import LoadedSpan, Patch, Span, make_patches, subtract
from shared.domain.batches import Slice, StatsBatch
from shared.domain.spec import Statistic, StatisticsSpec
from tests.unit.batches import DAY, ONE_DAY

HOUR = timedelta(hours=1)


def hours(start: float, end: float) -> Span:
    """A span of `DAY`, in hours."""
    return DAY + start * HOUR, DAY + end * HOUR


def taken(job: int, start: float = 0, end: float = 24, **changed: object) -> LoadedSpan:
    first, last = hours(start, end)
    usual: dict[str, object] = {
        "asset": "T01", "window_s": 600, "variables": ("wind_speed",), "statistics": ("mean",),
    }  # fmt: skip
    return LoadedSpan(job=job, start=first, end=last, **{**usual, **changed})  # type: ignore[arg-type]


def stats(
    job: int,
    *,
    variables: tuple[str, ...] = ("wind_speed",),
    start: datetime = DAY,
    length: timedelta = ONE_DAY,
    statistics: tuple[Statistic, ...] = ("mean",),
) -> StatsBatch:
    spec = StatisticsSpec(statistics=statistics)
    part = Slice(
        job=job, asset="T01", start=start, end=start + length, variables=variables, spec=spec
    )
    return StatsBatch(
        slice=part,
        table=StatsBatch.schema(variables, spec).empty_table(),
        rows=0,
        fingerprints=("0" * 16,) * len(variables),
    )


def left(found: list[Patch]) -> dict[tuple[int, str, str | None], tuple[Span, ...]]:
    return {
        (patch.batch.slice.job, patch.variable, patch.statistic): patch.spans for patch in found
    }


@pytest.mark.parametrize(
    ("hole", "rest"),
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
def test_a_hole_leaves_what_is_around_it(
    hole: tuple[int, int], rest: list[tuple[int, int]]
) -> None:
    assert subtract(hours(6, 18), hours(*hole)) == [hours(*span) for span in rest]


@given(bounds=st.lists(st.integers(0, 48), min_size=4, max_size=4))
def test_an_instant_is_left_where_it_is_in_the_span_and_not_in_the_hole(bounds: list[int]) -> None:
    (a, b), (c, d) = sorted(bounds[:2]), sorted(bounds[2:])
    rest = subtract(hours(a / 2, b / 2), hours(c / 2, d / 2))
    for half in range(49):
        instant = DAY + half / 2 * HOUR
        inside = any(start <= instant < end for start, end in rest)
        assert inside == (a <= half < b and not c <= half < d)


def test_with_nothing_newer_all_of_a_slice_is_replaced() -> None:
    patch, quality = make_patches([stats(5)], [])
    assert patch.is_whole
    assert patch.spans == quality.spans == (hours(0, 24),)


@pytest.mark.parametrize(
    "other",
    [
        taken(4),
        taken(5),
        taken(6, asset="T02"),
        taken(6, window_s=3_600),
        taken(6, variables=("power",)),
        taken(6, start=24, end=48),
    ],
    ids=["older", "the same job", "asset", "window", "variable", "day"],
)
def test_what_concerns_other_windows_or_is_older_does_not_matter(other: LoadedSpan) -> None:
    assert all(patch.is_whole for patch in make_patches([stats(5)], [other]))


def test_of_a_slice_that_newer_jobs_cover_nothing_is_left() -> None:
    for patch in make_patches([stats(5)], [taken(6, 0, 10), taken(9, 10, 24)]):
        assert patch.spans == ()
        assert not patch.is_whole


def test_several_newer_jobs_leave_what_lies_between_them() -> None:
    patch, _ = make_patches([stats(5)], [taken(7, 18, 30), taken(6, 3, 9), taken(8, 8, 10)])
    assert patch.spans == (hours(0, 3), hours(10, 18))


def test_each_variable_has_its_own_fence() -> None:
    found = make_patches(
        [stats(5, variables=("wind_speed", "power"))], [taken(6, variables=("power",))]
    )
    assert left(found) == {
        (5, "wind_speed", "mean"): (hours(0, 24),), (5, "wind_speed", None): (hours(0, 24),),
        (5, "power", "mean"): (), (5, "power", None): (),
    }  # fmt: skip


def test_each_statistic_has_its_own_fence_and_quality_that_of_all() -> None:
    newer, older = stats(6, length=6 * HOUR), stats(5, statistics=("mean", "std"))
    found = left(make_patches([older, newer], [taken(7, 20, 24, statistics=("max",))]))
    assert found == {
        (6, "wind_speed", "mean"): (hours(0, 6),), (6, "wind_speed", None): (hours(0, 6),),
        (5, "wind_speed", "mean"): (hours(6, 24),), (5, "wind_speed", "std"): (hours(0, 24),),
        (5, "wind_speed", None): (hours(6, 20),),
    }  # fmt: skip


def test_among_batches_of_one_transaction_the_newest_wins_whatever_their_order() -> None:
    batches = [stats(6, start=DAY + 6 * HOUR, length=6 * HOUR), stats(5), stats(4)]
    wanted = {6: (hours(6, 12),), 5: (hours(0, 6), hours(12, 24)), 4: ()}
    for given_order in (batches, batches[::-1]):
        found = make_patches(given_order, [])
        assert {patch.batch.slice.job: patch.spans for patch in found} == wanted
