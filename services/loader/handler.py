"""From entries of the stats stream to committed windows: many slices in one transaction, as long
as their values are not too many.
"""

import time
from collections.abc import Iterator, Mapping, Sequence

from sqlalchemy import Connection, Engine

from services.loader import fence, target_rows
from services.loader.signals import SignalKey, Signals
from services.loader.slice_ledger import SliceLedger
from services.loader.target_writer import TargetWriter
from shared import logs
from shared.domain.batches import StatsBatch
from shared.postgres.engines import postgres_errors
from shared.streams.entries import Entry, Output

log = logs.get(__name__)


class BatchHandler:
    """Replaces the slices' windows and marks the slices, both in one transaction."""

    def __init__(
        self,
        engine: Engine,
        *,
        signal_name: str,
        units: Mapping[str, str],
        values_per_transaction: int,
    ) -> None:
        self._engine, self._signal_name, self._units = engine, signal_name, units
        self._values_per_transaction = values_per_transaction

    def __call__(self, entries: Sequence[Entry]) -> Sequence[Output]:
        """The handler of the stats stream: an effect, and nothing to pass on."""
        for batches in self._portions(entries):
            self.load(batches)
        return []

    def _portions(self, entries: Sequence[Entry]) -> Iterator[list[StatsBatch]]:
        """What each transaction loads, decoded as it is its turn: memory holds no more."""
        portion: list[StatsBatch] = []
        room = self._values_per_transaction
        for entry in entries:
            batch = StatsBatch.decode(entry.fields)
            room -= _values(batch)
            if portion and room < 0:
                yield portion
                portion, room = [], self._values_per_transaction - _values(batch)
            portion.append(batch)
        if portion:
            yield portion

    def load(self, batches: Sequence[StatsBatch]) -> None:
        """Load the batches in one transaction. Loading one again changes nothing."""
        started = time.perf_counter()
        with postgres_errors(), self._engine.begin() as connection:
            slices = SliceLedger(connection)
            slices.lock(batches)
            wanted = slices.pending(batches)
            if wanted:
                patches = fence.make_patches(wanted, slices.newer_spans(wanted))
                count = self._replace(connection, patches)
                each_ms = (time.perf_counter() - started) * 1000 / len(wanted)
                slices.mark_loaded(wanted, patches, load_ms=each_ms)
        if wanted:
            self._log_loaded(wanted, count, time.perf_counter() - started)
        if skipped := len(batches) - len(wanted):
            log.info("slices.skipped", count=skipped, why="loaded before, or the job is cancelled")

    def _replace(self, connection: Connection, patches: Sequence[fence.Patch]) -> int:
        signals = Signals(connection, template=self._signal_name, units=self._units)
        ids = signals.ids(key for patch in patches for key in SignalKey.of_patch(patch))
        target = TargetWriter(connection)
        values = target_rows.target_rows(patches, ids)
        target.replace_data(target_rows.replace_ranges(patches, ids), values)
        target.replace_quality(patches, target_rows.quality_rows(patches))
        return len(values)

    def _log_loaded(self, batches: Sequence[StatsBatch], count: int, took_s: float) -> None:
        log.info(
            "batch.loaded",
            jobs=sorted({batch.slice.job for batch in batches}),
            traces=sorted({batch.slice.trace for batch in batches}),
            slices=len(batches),
            values=count,
            ms=round(took_s * 1000, 3),
        )


def _values(batch: StatsBatch) -> int:
    """How many values the batch has at most."""
    part = batch.slice
    columns = len(part.variables) * len(part.spec.statistics)
    return int(batch.table.num_rows) * columns
