"""Splitting pages, which may end anywhere, into slices of whole windows."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from services.extractor.slicing import consecutive_runs, shift_timestamps, split_into_slices
from shared.domain.batches import TIMESTAMP, RawBatch
from shared.domain.slices import Slice
from tests.unit.batches import DAY, slice_of

HOUR = timedelta(hours=1)
SCHEMA = RawBatch.schema(("wind_speed",), slice_of().spec)


def slices(count: int, *, asset: str = "T01", first: int = 0) -> list[Slice]:
    """Adjacent slices of one hour each."""
    return [
        replace(slice_of(start=DAY + n * HOUR, end=DAY + (n + 1) * HOUR), asset=asset)
        for n in range(first, first + count)
    ]


def page(minutes: Sequence[float]) -> pa.Table:
    """Rows at these minutes; each value is its minute."""
    timestamps = pa.array([DAY + timedelta(minutes=m) for m in minutes], TIMESTAMP)
    return pa.Table.from_arrays([timestamps, pa.array(minutes, pa.float64())], schema=SCHEMA)


def values_by_slice(pages: list[pa.Table], run: list[Slice]) -> list[list[float]]:
    """The minutes in each slice."""
    result = list(split_into_slices(pages, run))
    assert [slice_ for slice_, _ in result] == run
    assert all(table.schema == SCHEMA for _, table in result)
    return [table["wind_speed"].to_pylist() for _, table in result]


def test_a_row_belongs_to_the_slice_of_its_timestamp() -> None:
    assert values_by_slice([page([0, 59, 60, 61, 119])], slices(2)) == [[0, 59], [60, 61, 119]]


def test_a_timestamp_on_the_edge_belongs_to_the_slice_that_begins_there() -> None:
    assert values_by_slice([page([60])], slices(2)) == [[], [60]]
    assert values_by_slice([page([60 - 1 / 60])], slices(2)) == [[60 - 1 / 60], []]


def test_a_slice_may_span_many_pages() -> None:
    assert values_by_slice([page([n]) for n in (1, 2, 3)], slices(1)) == [[1, 2, 3]]


def test_a_page_may_hold_many_slices() -> None:
    assert values_by_slice([page([30, 90, 150])], slices(3)) == [[30], [90], [150]]


def test_slices_without_rows_are_included() -> None:
    assert values_by_slice([page([130])], slices(5)) == [[], [], [130], [], []]
    assert values_by_slice([], slices(2)) == [[], []]


def test_a_slice_is_complete_as_soon_as_a_later_row_is_read() -> None:
    pages_read = []

    def pages() -> object:
        for minutes in ([10], [70], [130]):
            pages_read.append(minutes)
            yield page(minutes)

    slice_, _ = next(split_into_slices(pages(), slices(3)))  # type: ignore[arg-type]
    assert (slice_, pages_read) == (slices(1)[0], [[10], [70]])


@given(
    minutes=st.lists(st.integers(0, 239), max_size=60).map(sorted),
    lengths=st.lists(st.integers(1, 20), min_size=60, max_size=60),
)
def test_every_row_is_in_one_slice_for_any_pages(minutes: list[int], lengths: list[int]) -> None:
    pages: list[pa.Table] = []
    at = 0
    while at < len(minutes):
        pages.append(page(minutes[at : at + lengths[len(pages)]]))
        at += pages[-1].num_rows
    hourly = [[m for m in minutes if m // 60 == hour] for hour in range(4)]
    assert values_by_slice(pages, slices(4)) == hourly


def test_a_run_ends_at_a_gap_and_at_another_asset() -> None:
    first, second, other = slices(2), slices(2, first=3), slices(1, asset="T02", first=5)
    assert list(consecutive_runs([*first, *second, *other])) == [first, second, other]


def test_without_slices_there_are_no_runs() -> None:
    assert list(consecutive_runs([])) == []


def test_shifting_changes_the_timestamps_and_keeps_the_schema() -> None:
    shifted = shift_timestamps(page([1, 60]), timedelta(seconds=60))
    assert shifted.schema == SCHEMA
    assert shifted["timestamp"].to_pylist() == [DAY, DAY + timedelta(minutes=59)]
    assert shifted["wind_speed"].to_pylist() == [1, 60]
