"""The handler of the raw stream: entries with samples in, entries with statistics out."""

import time
from collections.abc import Sequence
from dataclasses import replace

from structlog.contextvars import bound_contextvars

from services.aggregator import excess
from services.aggregator.aggregate import aggregate
from shared import logs
from shared.domain.batches import RawBatch
from shared.streams.entries import Entry, Output

log = logs.get(__name__)


def handle(entries: Sequence[Entry], *, stats_stream: str) -> list[Output]:
    """One output for each entry, in the same order. Raises `InvalidInput` for an entry that can
    never be computed.
    """
    return [_aggregate_entry(entry, stats_stream) for entry in entries]


def _aggregate_entry(entry: Entry, stats_stream: str) -> Output:
    """A function per entry, so that memory holds the tables of one entry at a time."""
    started = time.perf_counter()
    raw = RawBatch.decode(entry.fields)
    first = raw.slices[0]
    with bound_contextvars(trace=first.trace, job=first.job):
        stats = aggregate(raw)
        ms = (time.perf_counter() - started) * 1000
        log.info(
            "batch.aggregated",
            asset=first.asset,
            start=first.start.isoformat(),
            slices=len(raw.slices),
            rows=raw.table.num_rows,
            windows=stats.table.num_rows,
            ms=round(ms, 3),
        )
        excess.warn(stats)
    return Output(stats_stream, replace(stats, aggregate_ms=raw.aggregate_ms + ms).encode())
