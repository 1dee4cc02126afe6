"""The statistics of a batch of many slices are those of its slices, computed one by one."""

import math
from dataclasses import replace
from datetime import timedelta

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.aggregator.aggregate import aggregate
from shared.domain.batches import RawBatch
from shared.domain.quality_flags import Flag
from shared.domain.slices import Slice
from shared.domain.spec import StatisticsSpec
from shared.errors import InvalidInput
from tests.unit.batches import DAY, ONE_DAY, joined, raw_batch, slice_of

SPEC = StatisticsSpec(
    period_s=60.0,
    statistics=("mean", "min", "max", "std"),
    circular_variables=("direction",),
    flatline_s=300.0,
    value_limits={"power": (-50.0, 60.0)},
)
VARIABLES = ("power", "direction")
HOURS = (23.0, 24.0, 25.0, 1.1)
"""The lengths of slices. The last window of the last one is shorter than the others."""

values = st.one_of(
    st.none(),
    st.sampled_from([0.0, 1.0, 350.0, 7.5, math.nan, math.inf, -math.inf, 1e308, -1e308, 5e-324]),
    st.floats(-100, 100),
)
rows = st.tuples(st.integers(0, 12), values, values)


@st.composite
def raw_batches(draw: st.DrawFn) -> list[RawBatch]:
    """Batches of one slice each: some assets, days of any length, rows in any order, with nulls,
    with duplicates, and often without rows.
    """
    batches = []
    for asset in draw(st.lists(st.sampled_from(["", "T01", "T02"]), min_size=1, unique=True)):
        start = DAY
        for hours in draw(st.lists(st.sampled_from(HOURS), min_size=1, max_size=4)):
            end = start + timedelta(hours=hours)
            slice_ = replace(slice_of(VARIABLES, SPEC, start=start, end=end), asset=asset)
            batches.append(_samples(slice_, draw(st.lists(rows, max_size=12))))
            start = end + draw(st.sampled_from([timedelta(0), ONE_DAY]))
    return batches


def _samples(slice_: Slice, rows: list[tuple[int, float | None, float | None]]) -> RawBatch:
    """Samples at twelfths of the slice; the last one is just before its end."""
    length_s = (slice_.end - slice_.start).total_seconds()
    seconds = [min(length_s * n / 12, length_s - 1e-6) for n, _, _ in rows]
    return raw_batch(slice_, seconds, *([row[at] for row in rows] for at in (1, 2)))


@given(raw_batches())
def test_the_statistics_of_many_slices_are_those_of_each(batches: list[RawBatch]) -> None:
    together = aggregate(joined(*batches))
    single = [aggregate(batch) for batch in batches]
    assert together.slices == tuple(stats.slices[0] for stats in single)
    assert together.rows == tuple(stats.rows[0] for stats in single)
    assert together.fingerprints == tuple(stats.fingerprints[0] for stats in single)
    assert together.table == pa.concat_tables(stats.table for stats in single)


@given(raw_batches(), st.data())
def test_the_order_of_the_slices_makes_no_difference(
    batches: list[RawBatch], data: st.DataObject
) -> None:
    order = data.draw(st.permutations(range(len(batches))), label="order")
    mixed = aggregate(joined(*batches).take(order))
    expected = aggregate(joined(*batches)).take(order)
    assert mixed.fingerprints == expected.fingerprints
    assert mixed.table == expected.table


@pytest.mark.parametrize("position", [0, 1, 2])
@pytest.mark.parametrize("second", [-1e-6, 86_400.0], ids=["before", "at the end"])
def test_a_row_outside_its_slice_is_refused_although_another_slice_has_its_time(
    position: int, second: float
) -> None:
    batches = [
        raw_batch(slice_of(start=DAY + n * ONE_DAY), [0.0, second] if n == position else [0.0],
                  [1.0, 2.0] if n == position else [1.0])
        for n in range(3)
    ]  # fmt: skip
    with pytest.raises(InvalidInput, match="outside its slice") as rejected:
        aggregate(joined(*batches))
    assert rejected.value.reason == "contract"


def test_equal_timestamps_of_two_assets_are_not_duplicates() -> None:
    first = raw_batch(slice_of(), [0.0], [1.0])
    second = replace(first, slices=(replace(slice_of(), asset="T02"),))
    stats = aggregate(joined(first, second))
    counts = stats.table["wind_speed:count"].to_pylist()
    assert (counts[0], counts[144], sum(counts)) == (1, 1, 2)
    assert set(stats.table["wind_speed:flags"].to_pylist()) == {Flag.INCOMPLETE}
    assert stats.fingerprints == aggregate(first).fingerprints * 2


def test_a_repeated_timestamp_is_flagged_in_its_own_slice_only() -> None:
    first = raw_batch(slice_of(), [0.0], [1.0])
    second = raw_batch(replace(slice_of(), asset="T02"), [0.0, 0.0], [2.0, 3.0])
    flags = aggregate(joined(first, second)).table["wind_speed:flags"].to_pylist()
    assert [n for n, flag in enumerate(flags) if flag & Flag.DUPLICATE] == [144]
