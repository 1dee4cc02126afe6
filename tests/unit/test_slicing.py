"""Pages end where they like, slices hold whole windows."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from services.extractor.slicing import consecutive_runs, shift_timestamps, split_into_slices
from shared.domain.batches import TIMESTAMP, RawBatch, Slice
from tests.unit.batches import DAY, slice_of

HOUR = timedelta(hours=1)
SCHEMA = RawBatch.schema(("wind_speed",), slice_of().spec)


def slices(count: int, *, asset: str = "T01", first: int = 0) -> list[Slice]:
    """Neighbours of an hour each."""
    return [
        replace(slice_of(start=DAY + n * HOUR, end=DAY + (n + 1) * HOUR), asset=asset)
        for n in range(first, first + count)
    ]


def page(minutes: Sequence[float]) -> pa.Table:
    """Rows at these minutes; each value is its minute."""
    stamps = pa.array([DAY + timedelta(minutes=m) for m in minutes], TIMESTAMP)
    return pa.Table.from_arrays([stamps, pa.array(minutes, pa.float64())], schema=SCHEMA)


def cut_up(pages: list[pa.Table], run: list[Slice]) -> list[list[float]]:
    """The minutes that each slice got."""
    found = list(split_into_slices(pages, run))
    assert [part for part, _ in found] == run
    assert all(table.schema == SCHEMA for _, table in found)
    return [table["wind_speed"].to_pylist() for _, table in found]


def test_rows_go_to_the_slice_that_their_stamp_is_in() -> None:
    assert cut_up([page([0, 59, 60, 61, 119])], slices(2)) == [[0, 59], [60, 61, 119]]


def test_a_stamp_on_the_edge_belongs_to_the_slice_that_begins_there() -> None:
    assert cut_up([page([60])], slices(2)) == [[], [60]]
    assert cut_up([page([60 - 1 / 60])], slices(2)) == [[60 - 1 / 60], []]


def test_a_slice_may_come_on_many_pages() -> None:
    assert cut_up([page([n]) for n in (1, 2, 3)], slices(1)) == [[1, 2, 3]]


def test_a_page_may_hold_many_slices() -> None:
    assert cut_up([page([30, 90, 150])], slices(3)) == [[30], [90], [150]]


def test_slices_without_rows_come_too() -> None:
    assert cut_up([page([130])], slices(5)) == [[], [], [130], [], []]
    assert cut_up([], slices(2)) == [[], []]


def test_a_slice_is_given_out_as_soon_as_a_later_row_is_seen() -> None:
    seen = []

    def pages() -> object:
        for minutes in ([10], [70], [130]):
            seen.append(minutes)
            yield page(minutes)

    part, _ = next(split_into_slices(pages(), slices(3)))  # type: ignore[arg-type]
    assert (part, seen) == (slices(1)[0], [[10], [70]])


@given(
    minutes=st.lists(st.integers(0, 239), max_size=60).map(sorted),
    lengths=st.lists(st.integers(1, 20), min_size=60, max_size=60),
)
def test_no_row_is_lost_or_doubled_for_any_pages(minutes: list[int], lengths: list[int]) -> None:
    pages: list[pa.Table] = []
    at = 0
    while at < len(minutes):
        pages.append(page(minutes[at : at + lengths[len(pages)]]))
        at += pages[-1].num_rows
    hourly = [[m for m in minutes if m // 60 == hour] for hour in range(4)]
    assert cut_up(pages, slices(4)) == hourly


def test_a_run_ends_at_a_hole_and_with_its_asset() -> None:
    first, second, other = slices(2), slices(2, first=3), slices(1, asset="T02", first=5)
    assert list(consecutive_runs([*first, *second, *other])) == [first, second, other]


def test_without_slices_there_are_no_runs() -> None:
    assert list(consecutive_runs([])) == []


def test_shifting_moves_the_stamps_and_keeps_the_schema() -> None:
    moved = shift_timestamps(page([1, 60]), timedelta(seconds=60))
    assert moved.schema == SCHEMA
    assert moved["timestamp"].to_pylist() == [DAY, DAY + timedelta(minutes=59)]
    assert moved["wind_speed"].to_pylist() == [1, 60]
