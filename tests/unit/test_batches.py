"""A batch of many slices: parts of it have the same slices, rows and tables."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.aggregator.aggregate import aggregate
from shared.domain.batches import Batch, RawBatch, StatsBatch
from tests.unit.batches import DAY, joined, minutes, raw_batch, slice_of
from tests.unit.wire import signed, wire

HOUR = timedelta(hours=1)


def raw(*rows: int) -> RawBatch:
    """One slice of one hour for each number of samples; each value is the slice's position."""
    batches = [
        raw_batch(
            slice_of(start=DAY + n * HOUR, end=DAY + (n + 1) * HOUR), minutes(count), [n] * count
        )
        for n, count in enumerate(rows)
    ]
    return replace(joined(*batches), extract_ms=100.0, aggregate_ms=10.0)


def stats(*rows: int) -> StatsBatch:
    return aggregate(raw(*rows))


def piece(batch: Batch, position: int) -> pa.Table:
    """The rows of one slice."""
    first = sum(batch.table_rows[:position])
    return batch.table.slice(first, batch.table_rows[position])


def require_slices(taken: Batch, whole: Batch, positions: Sequence[int]) -> None:
    """The batch has exactly these slices of the other one, with their rows."""
    assert taken.slices == tuple(whole.slices[n] for n in positions)
    assert taken.rows == tuple(whole.rows[n] for n in positions)
    assert taken.table.num_rows == sum(taken.table_rows)
    for at, n in enumerate(positions):
        assert piece(taken, at) == piece(whole, n)
    if isinstance(taken, StatsBatch) and isinstance(whole, StatsBatch):
        assert taken.fingerprints == tuple(whole.fingerprints[n] for n in positions)


row_counts = st.lists(st.integers(0, 5), min_size=1, max_size=7)


@given(row_counts, st.data())
def test_a_part_has_the_slices_at_the_positions_in_their_order(
    rows: list[int], data: st.DataObject
) -> None:
    positions = data.draw(
        st.lists(st.sampled_from(range(len(rows))), min_size=1, unique=True), label="positions"
    )
    for whole in (raw(*rows), stats(*rows)):
        require_slices(whole.take(positions), whole, positions)


def test_all_slices_in_their_order_are_the_batch_itself() -> None:
    whole = raw(1, 2)
    assert whole.take([0, 1]) is whole
    assert whole.take([1, 0]) is not whole


def test_a_part_has_its_share_of_the_times() -> None:
    part = raw(1, 2, 3, 0).take([3, 1, 0])
    assert (part.extract_ms, part.aggregate_ms) == (75.0, 7.5)


@given(row_counts.filter(lambda rows: len(rows) > 1))
def test_halves_have_all_slices_and_differ_by_one_at_most(rows: list[int]) -> None:
    for whole in (raw(*rows), stats(*rows)):
        halves = type(whole).halves(wire(whole))
        first, second = (
            type(whole).decode({k.encode(): v for k, v in half.items()}) for half in halves
        )
        count = len(first.slices)
        assert 0 <= len(second.slices) - count <= 1
        require_slices(first, whole, range(count))
        require_slices(second, whole, range(count, len(rows)))


def test_halves_of_halves_end_at_single_slices() -> None:
    entries, singles = [wire(raw(1, 0, 2, 3, 1))], []
    while entries:
        entry = entries.pop(0)
        halves = [{k.encode(): v for k, v in half.items()} for half in RawBatch.halves(entry)]
        entries += halves
        singles += [] if halves else [RawBatch.decode(entry)]
    assert sorted(single.slices[0].start for single in singles) == [
        DAY + n * HOUR for n in range(5)
    ]
    assert {len(single.slices) for single in singles} == {1}


def test_halves_keep_the_ledger_and_the_attempt() -> None:
    ledger = "0b2f4a51-8a52-4c46-9d52-3c7d0a5ff0aa"
    whole = raw(1, 1)
    slices = tuple(replace(s, attempt=3, ledger=ledger) for s in whole.slices)
    whole = replace(whole, slices=slices)
    halves = RawBatch.halves(wire(whole))
    assert [(half["ledger"], half["attempt"]) for half in halves] == [(ledger.encode(), b"3")] * 2


@pytest.mark.parametrize("batch", [raw(0), raw(3), stats(3)])
def test_one_slice_has_no_halves(batch: Batch) -> None:
    assert type(batch).halves(wire(batch)) == []


def test_an_entry_that_cannot_be_decoded_has_no_halves() -> None:
    fields = wire(raw(1, 1))
    assert RawBatch.halves({}) == []
    assert RawBatch.halves({**fields, b"size": b"1"}) == []
    assert RawBatch.halves(signed(fields, v=b"9")) == []
    assert RawBatch.halves(signed(fields, payload=fields[b"payload"][:-9])) == []
    assert StatsBatch.halves(fields) == []
    assert len(RawBatch.halves(fields)) == 2


def test_the_bounds_of_slices_are_those_of_their_rows_in_the_table() -> None:
    assert raw(1, 0, 3).bounds.tolist() == [0, 1, 1, 4]
    assert stats(1, 0, 3).bounds.tolist() == [0, 6, 12, 18]


@pytest.mark.parametrize(
    ("length", "windows"),
    [(HOUR, 6), (23 * HOUR, 138), (25 * HOUR, 150), (timedelta(minutes=65), 7),
     (timedelta(seconds=601), 2), (timedelta(seconds=600), 1), (timedelta(seconds=1), 1)],
    ids=str,
)  # fmt: skip
def test_the_last_window_of_a_slice_can_be_shorter(length: timedelta, windows: int) -> None:
    assert slice_of(end=DAY + length).windows == windows
