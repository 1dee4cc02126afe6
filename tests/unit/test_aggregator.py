"""The aggregator's handler: from entries of one stream to entries of the next."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from typing import cast

import pytest
import structlog
from structlog.testing import capture_logs

from services.aggregator.aggregate import aggregate
from services.aggregator.handler import handle
from shared.domain.batches import Batch, RawBatch, StatsBatch
from shared.errors import InvalidInput
from shared.streams.entries import Entry
from tests.unit.batches import DAY, minutes, raw_batch, slice_of


def raw(*values: float, day: int = 0) -> RawBatch:
    part = slice_of(start=DAY + timedelta(days=day))
    return replace(raw_batch(part, minutes(len(values)), values), extract_ms=2.5)


def entry(batch: Batch, id: str = "1-0") -> Entry:
    fields = cast(Mapping[str, bytes], batch.encode())
    return Entry(id, {name.encode(): value for name, value in fields.items()})


def decoded(output: object) -> StatsBatch:
    fields = cast(Mapping[str, bytes], getattr(output, "fields", {}))
    return StatsBatch.decode({name.encode(): value for name, value in fields.items()})


def test_an_entry_becomes_its_statistics_on_the_stats_stream() -> None:
    batch = raw(1.0, 2.0, 3.0)
    (output,) = handle([entry(batch)], stats_stream="minuano:stats")
    assert output.stream == "minuano:stats"
    assert decoded(output).table == aggregate(batch).table
    assert decoded(output).slices[0] == batch.slices[0]


def test_outputs_follow_the_order_of_their_entries() -> None:
    entries = [entry(raw(1.0, day=n), f"{n}-0") for n in (2, 0, 1)]
    starts = [decoded(o).slices[0].start for o in handle(entries, stats_stream="s")]
    assert starts == [DAY + timedelta(days=n) for n in (2, 0, 1)]


def test_the_time_of_the_stage_is_added_to_earlier_times() -> None:
    batch = replace(raw(1.0), aggregate_ms=1_000.0)
    (output,) = handle([entry(batch)], stats_stream="s")
    stats = decoded(output)
    assert stats.extract_ms == 2.5
    assert 1_000.0 < stats.aggregate_ms < 61_000.0


def test_the_same_entry_gives_the_same_statistics_each_time() -> None:
    one, two = handle([entry(raw(1.0, 2.0))] * 2, stats_stream="s")
    assert decoded(one).table == decoded(two).table


def test_an_entry_with_a_wrong_checksum_is_rejected() -> None:
    good = entry(raw(1.0))
    with pytest.raises(InvalidInput) as rejected:
        handle([good, Entry("2-0", {**good.fields, b"size": b"2"})], stats_stream="s")
    assert rejected.value.reason == "checksum"


@pytest.mark.parametrize("announced", [1, 3])
def test_a_wrong_number_of_rows_is_rejected(announced: int) -> None:
    batch = replace(raw(1.0, 2.0), rows=(announced,))
    with pytest.raises(InvalidInput, match=f"2 rows, its header says {announced}") as rejected:
        handle([entry(batch)], stats_stream="s")
    assert rejected.value.reason == "schema"


def test_the_log_names_job_asset_and_trace() -> None:
    with capture_logs(processors=[structlog.contextvars.merge_contextvars]) as events:
        handle([entry(raw(1.0, 2.0))], stats_stream="s")
    (event,) = events
    assert event.pop("ms") is not None
    assert event == {
        "event": "batch.aggregated",
        "log_level": "info",
        "trace": "trace-1",
        "job": 7,
        "asset": "T01",
        "start": "2025-12-05T00:00:00+00:00",
        "slices": 1,
        "rows": 2,
        "windows": 144,
    }
    assert structlog.contextvars.get_contextvars() == {}
