"""From entries of the raw stream to entries of the stats stream."""

import time
from collections.abc import Sequence
from dataclasses import replace

from structlog.contextvars import bound_contextvars

from services.aggregator.aggregate import aggregate
from shared import logs
from shared.domain.batches import RawBatch
from shared.errors import InvalidInput
from shared.streams.entries import Entry, Output

log = logs.get(__name__)


def handle(entries: Sequence[Entry], *, stats_stream: str) -> list[Output]:
    """One output for each entry, in their order; raises `Rejected` for what can't be computed."""
    return [_handle_one(entry, stats_stream) for entry in entries]


def _handle_one(entry: Entry, stats_stream: str) -> Output:
    started = time.perf_counter()
    raw = RawBatch.decode(entry.fields)
    if raw.rows != raw.table.num_rows:
        raise InvalidInput("schema", f"{raw.table.num_rows} rows came, {raw.rows} were announced")
    part = raw.slice
    with bound_contextvars(trace=part.trace, job=part.job, asset=part.asset):
        stats = aggregate(raw)
        ms = (time.perf_counter() - started) * 1000
        log.info(
            "batch.aggregated",
            start=part.start.isoformat(),
            rows=raw.rows,
            windows=stats.table.num_rows,
            ms=round(ms, 3),
        )
    return Output(stats_stream, replace(stats, aggregate_ms=raw.aggregate_ms + ms).encode())
