"""The handler of the stats stream: it loads windows into the target database.

Many slices are loaded in one transaction, as long as they do not have too many values.
"""

import time
from collections.abc import Iterator, Mapping, Sequence

from sqlalchemy import Engine, text

from services.loader import fence, target_rows
from services.loader.loaded_slice import loaded_slices
from services.loader.signals import SignalKey, Signals
from services.loader.slice_ledger import SliceLedger
from services.loader.target_writer import TargetWriter, quality_statements
from shared import logs
from shared.domain.batches import StatsBatch
from shared.ledger import slice_locks
from shared.ledger.load_marks import marks
from shared.postgres.engines import postgres_errors
from shared.postgres.errors import TARGET
from shared.postgres.transaction import (
    Transaction,
    single_statement,
    transaction,
    transaction_limit_s,
)
from shared.streams.entries import Entry, Output, SetAside

log = logs.get(__name__)

BUSY_WAITS_S = (0.05, 0.1, 0.2, 0.4)
"""The waits for another loader, which needs less than a second for a transaction."""
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
        """Load the batches of the entries. There are no outputs. Raises `SetAside` for the entries
        with slices on whose days another loader works, also after `BUSY_WAITS_S`.
        """
        busy = self._load_all(entries)
        for wait_s in BUSY_WAITS_S:
            if not busy:
                return []
            time.sleep(wait_s)
            busy = self._load_all(busy)
        if busy:
            self._end_standing_holders(busy)
            raise SetAside("another loader works on their days", busy)
        return []

    def _end_standing_holders(self, busy: Sequence[Entry]) -> None:
        """End the sessions of loaders that stand still and hold the days of these entries."""
        slices = [s for entry in busy for s in StatsBatch.decode(entry.fields).slices]
        values = {"keys": slice_locks.keys(slices), "limit_s": transaction_limit_s(self._engine)}
        with postgres_errors(), single_statement(self._engine) as connection:
            ended = connection.execute(text(slice_locks.END_HOLDERS), values).rowcount
        if ended:
            log.warning("sessions.ended", count=ended, reason="a loader stands still")

    def _load_all(self, entries: Sequence[Entry]) -> list[Entry]:
        """Load the batches; return the entries with slices that are busy."""
        busy: list[Entry] = []
        for group, batches in self._transactions(entries):
            if self.load(batches):
                busy += group
        return busy

    def _transactions(
        self, entries: Sequence[Entry]
    ) -> Iterator[tuple[list[Entry], list[StatsBatch]]]:
        """The entries and batches of each transaction. They are decoded when their transaction is
        next, so that memory holds no more of them.
        """
        group: list[Entry] = []
        batches: list[StatsBatch] = []
        for entry in entries:
            batch = StatsBatch.decode(entry.fields)
            if batches and not self._has_room([*batches, batch]):
                yield group, batches
                group, batches = [], []
            group.append(entry)
            batches.append(batch)
        if batches:
            yield group, batches

    def _has_room(self, batches: Sequence[StatsBatch]) -> bool:
        """Whether one transaction may load these batches."""
        return (
            sum(map(_max_values, batches)) <= self._values_per_transaction
            and _slices(batches) <= self._slices_per_transaction
        )

    def load(self, batches: Sequence[StatsBatch]) -> int:
        """Load the batches in one transaction; return how many slices were left out, because
        another transaction works on their days. Loading a batch again changes nothing.
        """
        started = time.perf_counter()
        limit_s = transaction_limit_s(self._engine)
        with (
            postgres_errors(refused=TARGET, limit_s=limit_s),
            transaction(self._engine) as opened,
        ):
            ledger = SliceLedger.lock(opened, batches)
            locked = ledger.locked(batches)
            pending = ledger.pending(locked)
            values = self._replace(opened, pending, ledger, started) if pending else 0
        skipped = _slices(locked) - _slices(pending)
        _log_loaded(pending, values, skipped=skipped, started=started)
        return _slices(batches) - _slices(locked)

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
