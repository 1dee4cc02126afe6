"""Pages, which may end anywhere, become batches of slices of whole windows."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import timedelta

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.extractor.sample_page import AssetRun, SamplePage, asset_runs
from services.extractor.slicing import (
    SampleGroup,
    group_into_batches,
    shift_timestamps,
    slices_with_rows,
)
from shared.domain import arrow_codec
from shared.domain.batch_header import statistics_bytes
from shared.domain.batches import TIMESTAMP, RawBatch
from shared.domain.slices import Slice, consecutive_runs
from shared.domain.spec import StatisticsSpec
from tests.unit.batches import DAY, slice_of

HOUR = timedelta(hours=1)
SCHEMA = RawBatch.schema(("wind_speed",), slice_of().spec)
ROW_BYTES = 16
HOUR_BYTES = 6 * 8 * 8
"""Of the statistics of an hour of one variable: six windows of eight columns."""

Minutes = list[float]


def slices(count: int, *, asset: str = "T01", first: int = 0) -> list[Slice]:
    """Adjacent slices of one hour each."""
    return [
        replace(slice_of(start=DAY + n * HOUR, end=DAY + (n + 1) * HOUR), asset=asset)
        for n in range(first, first + count)
    ]


def page(*runs: tuple[str, Sequence[float]]) -> SamplePage:
    """Rows of these assets at these minutes; each value is its minute."""
    minutes = [minute for _, run in runs for minute in run]
    timestamps = pa.array([DAY + timedelta(minutes=m) for m in minutes], TIMESTAMP)
    table = pa.Table.from_arrays([timestamps, pa.array(minutes, pa.float64())], schema=SCHEMA)
    assets = pa.chunked_array([pa.array([a for a, run in runs for _ in run], pa.string())])
    return SamplePage(table, list(asset_runs(assets)))


def groups_of(
    pages: Iterable[SamplePage], runs: Sequence[Sequence[Slice]], **options: int
) -> Iterator[SampleGroup]:
    """The groups of one query."""
    return group_into_batches(slices_with_rows(pages, runs), **options)


def values_by_slice(groups: Iterable[SampleGroup], runs: list[list[Slice]]) -> list[list[Minutes]]:
    """The minutes of each slice of each run. Each slice must be in one group."""
    values: dict[tuple[int, str, object], Minutes] = {}
    for group in groups:
        assert group.slices
        table = group.table()
        assert table.schema == SCHEMA
        assert table.num_rows == sum(group.rows)
        first = 0
        for slice_, rows in zip(group.slices, group.rows, strict=True):
            assert slice_.identity not in values
            values[slice_.identity] = table["wind_speed"].slice(first, rows).to_pylist()
            first += rows
    assert len(values) == sum(map(len, runs))
    return [[values[slice_.identity] for slice_ in run] for run in runs]


def minutes_of(pages: list[Sequence[float]], count: int) -> list[Minutes]:
    """The minutes of each slice of a single asset."""
    runs = [slices(count)]
    groups = groups_of([page(("T01", minutes)) for minutes in pages], runs)
    return values_by_slice(groups, runs)[0]


def test_a_row_belongs_to_the_slice_of_its_timestamp() -> None:
    assert minutes_of([[0, 59, 60, 61, 119]], 2) == [[0, 59], [60, 61, 119]]


def test_a_timestamp_on_the_edge_belongs_to_the_slice_that_begins_there() -> None:
    assert minutes_of([[60]], 2) == [[], [60]]
    assert minutes_of([[60 - 1 / 60]], 2) == [[60 - 1 / 60], []]


def test_a_slice_may_span_many_pages() -> None:
    assert minutes_of([[1], [2], [3]], 1) == [[1, 2, 3]]


def test_a_page_may_hold_many_slices() -> None:
    assert minutes_of([[30, 90, 150]], 3) == [[30], [90], [150]]


def test_slices_without_rows_are_included() -> None:
    assert minutes_of([[130]], 5) == [[], [], [130], [], []]
    assert minutes_of([], 2) == [[], []]


def test_a_page_may_hold_several_assets_in_any_order() -> None:
    runs = [slices(2, asset=asset) for asset in ("T01", "T02", "T03")]
    pages = [page(("T03", [0, 70]), ("T01", [61])), page(("T01", [119]))]
    assert values_by_slice(groups_of(pages, runs), runs) == [
        [[], [61, 119]], [[], []], [[0], [70]],
    ]  # fmt: skip


def test_a_group_is_complete_as_soon_as_a_later_row_is_read() -> None:
    pages_read = []

    def pages() -> Iterator[SamplePage]:
        for minutes in ([10], [70], [130]):
            pages_read.append(minutes)
            yield page(("T01", minutes))

    group = next(groups_of(pages(), [slices(3)], max_bytes=ROW_BYTES))
    assert (group.slices, pages_read) == (slices(1), [[10], [70]])


@given(st.data())
def test_every_row_is_in_its_slice_once_for_any_pages_and_assets(data: st.DataObject) -> None:
    assets = data.draw(st.permutations(["T01", "T02", "T03"]))
    minutes = st.lists(st.integers(0, 239), max_size=30).map(sorted)
    rows = [(asset, minute) for asset in assets for minute in data.draw(minutes)]
    pages = []
    while rows:
        length = data.draw(st.integers(1, 20))
        pages.append(page(*((asset, [minute]) for asset, minute in rows[:length])))
        rows = rows[length:]
    expected = [
        (run.asset, minute)
        for p in pages
        for run in p.runs
        for minute in p.table["wind_speed"].to_pylist()[run.first : run.end]
    ]
    runs = [slices(4, asset=asset) for asset in ("T01", "T02", "T03")]
    max_bytes = data.draw(st.sampled_from([1, 100, 1_000, 100_000]))
    groups = list(groups_of(pages, runs, max_bytes=max_bytes))
    assert values_by_slice(groups, runs) == [
        [[m for a, m in expected if a == run[0].asset and m // 60 == hour] for hour in range(4)]
        for run in runs
    ]
    for group in groups:
        assert sum(group.rows[:-1]) * ROW_BYTES < max_bytes
        assert len(group.slices) == 1 or statistics_bytes(group.slices) <= max_bytes


def test_a_group_gets_no_further_slice_when_it_has_enough_bytes_of_samples() -> None:
    """Their statistics have fewer bytes."""
    minutes = [float(m) for m in range(240)]
    groups = groups_of([page(("T01", minutes))], [slices(4)], max_bytes=121 * ROW_BYTES)
    assert [group.rows for group in groups] == [[60, 60, 60], [60]]


@pytest.mark.parametrize(
    ("max_bytes", "sizes"),
    [(1, [1] * 5), (2 * HOUR_BYTES - 1, [1] * 5), (2 * HOUR_BYTES, [2, 2, 1]),
     (5 * HOUR_BYTES, [5])],
)  # fmt: skip
def test_slices_without_rows_are_bounded_by_the_size_of_their_statistics(
    max_bytes: int, sizes: list[int]
) -> None:
    groups = groups_of([], [slices(5)], max_bytes=max_bytes)
    assert [len(group.slices) for group in groups] == sizes


def test_any_slices_of_a_job_fit_into_batches_that_can_be_computed() -> None:
    """A hundred days without samples of a hundred variables: 69 MB of statistics."""
    first = slice_of([f"v{n}" for n in range(100)], StatisticsSpec())
    run = [
        replace(first, start=DAY + n * 24 * HOUR, end=DAY + (n + 1) * 24 * HOUR) for n in range(100)
    ]
    groups = list(groups_of([], [run]))
    assert [slice_ for group in groups for slice_ in group.slices] == run
    assert max(statistics_bytes(group.slices) for group in groups) < arrow_codec.MAX_TABLE_BYTES
    for group in groups:
        batch = RawBatch(slices=tuple(group.slices), table=group.table(), rows=tuple(group.rows))
        fields = {name.encode(): value for name, value in batch.encode().items()}
        assert RawBatch.decode(fields) == batch


def test_a_run_ends_at_a_gap_and_at_another_asset() -> None:
    first, second, other = slices(2), slices(2, first=3), slices(1, asset="T02", first=5)
    assert list(consecutive_runs([*first, *second, *other])) == [first, second, other]


def test_without_slices_there_are_no_runs() -> None:
    assert list(consecutive_runs([])) == []


def test_shifting_changes_the_timestamps_and_keeps_the_schema() -> None:
    shifted = shift_timestamps(page(("T01", [1]), ("T02", [60])), timedelta(seconds=60))
    assert shifted.table.schema == SCHEMA
    assert shifted.table["timestamp"].to_pylist() == [DAY, DAY + timedelta(minutes=59)]
    assert shifted.table["wind_speed"].to_pylist() == [1, 60]
    assert shifted.runs == [AssetRun("T01", 0, 1), AssetRun("T02", 1, 2)]
