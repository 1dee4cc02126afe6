"""The handler of the stats stream: it loads windows into the target database.

Many slices are loaded in one transaction, as long as they do not have too many values.
"""

import time
from collections.abc import Iterator, Mapping, Sequence

from sqlalchemy import Engine

from services.loader import fence, target_rows
from services.loader.loaded_slice import loaded_slices
from services.loader.signals import SignalKey, Signals
from services.loader.slice_ledger import SliceLedger
from services.loader.target_writer import TargetWriter, quality_statements
from shared import logs
from shared.domain.batches import StatsBatch
from shared.ledger.load_marks import marks
from shared.postgres.engines import postgres_errors
from shared.postgres.transaction import Transaction, transaction
from shared.streams.entries import Entry, Output

log = logs.get(__name__)

SKIPPED = "already loaded, or the job is cancelled or retried, or it is of another ledger"


class BatchHandler:
    """Replaces the windows of slices and marks the slices as loaded, both in one transaction."""

    def __init__(
        self,
        engine: Engine,
        *,
        signal_name: str,
        units: Mapping[str, str],
        values_per_transaction: int,
        slices_per_transaction: int,
    ) -> None:
        self._engine, self._signal_name, self._units = engine, signal_name, units
        self._values_per_transaction = values_per_transaction
        self._slices_per_transaction = slices_per_transaction

    def __call__(self, entries: Sequence[Entry]) -> Sequence[Output]:
        """Load the batches of the entries. There are no outputs."""
        for batches in self._transactions(entries):
            self.load(batches)
        return []

    def _transactions(self, entries: Sequence[Entry]) -> Iterator[list[StatsBatch]]:
        """The batches of each transaction. They are decoded when their transaction is next, so that
        memory holds no more of them.
        """
        batches: list[StatsBatch] = []
        for entry in entries:
            batch = StatsBatch.decode(entry.fields)
            if batches and not self._has_room([*batches, batch]):
                yield batches
                batches = []
            batches.append(batch)
        if batches:
            yield batches

    def _has_room(self, batches: Sequence[StatsBatch]) -> bool:
        """Whether one transaction may load these batches."""
        return (
            sum(map(_max_values, batches)) <= self._values_per_transaction
            and _slices(batches) <= self._slices_per_transaction
        )

    def load(self, batches: Sequence[StatsBatch]) -> None:
        """Load the batches in one transaction. Loading a batch again changes nothing."""
        started = time.perf_counter()
        with postgres_errors(), transaction(self._engine) as opened:
            ledger = SliceLedger.lock(opened, batches)
            pending = ledger.pending(batches)
            values = self._replace(opened, pending, ledger, started) if pending else 0
        skipped = _slices(batches) - _slices(pending)
        _log_loaded(pending, values, skipped=skipped, started=started)

    def _replace(
        self,
        opened: Transaction,
        pending: Sequence[StatsBatch],
        ledger: SliceLedger,
        started: float,
    ) -> int:
        """Replace the windows, mark the slices, and commit; return the number of values."""
        connection = opened.connection
        patches = fence.make_patches(pending, ledger.newer_spans)
        signals = Signals(
            connection, ledger.signal_keys, ledger.signals,
            template=self._signal_name, units=self._units,
        )  # fmt: skip
        ids = signals.ids(key for patch in patches for key in SignalKey.of_patch(patch))
        rows = target_rows.target_rows(patches, ids)
        ranges = target_rows.replace_ranges(patches, ids) if ledger.has_rows else []
        TargetWriter(connection).replace_data(ranges, rows)
        quality, values = quality_statements(patches, target_rows.quality_rows(patches))
        load_ms = (time.perf_counter() - started) * 1000 / _slices(pending)
        mark, mark_values = marks(loaded_slices(pending, patches, load_ms=load_ms))
        opened.last(*quality, mark, **values, **mark_values)
        return len(rows)


def _log_loaded(
    batches: Sequence[StatsBatch], values: int, *, skipped: int, started: float
) -> None:
    if batches:
        log.info(
            "batch.loaded",
            jobs=sorted({batch.job for batch in batches}),
            traces=sorted({batch.slices[0].trace for batch in batches}),
            slices=_slices(batches),
            values=values,
            ms=round((time.perf_counter() - started) * 1000, 3),
        )
    if skipped:
        log.info("slices.skipped", count=skipped, reason=SKIPPED)


def _slices(batches: Sequence[StatsBatch]) -> int:
    return sum(len(batch.slices) for batch in batches)


def _max_values(batch: StatsBatch) -> int:
    """The number of values if no window is empty."""
    return int(batch.table.num_rows) * len(batch.variables) * len(batch.spec.statistics)
