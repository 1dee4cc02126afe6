"""From entries of the stats stream to committed windows: many slices in one transaction."""

import time
from collections.abc import Mapping, Sequence

from sqlalchemy import Connection, Engine

from services.loader import fence, rows
from services.loader.signals import SignalKey, Signals
from services.loader.slices import Slices
from services.loader.target import Target
from shared import logs
from shared.database import translated
from shared.entries import Entry, Output
from shared.messages import StatsBatch

log = logs.get(__name__)


class Loader:
    """Replaces the slices' windows and marks the slices, all in one transaction."""

    def __init__(self, engine: Engine, *, signal_name: str, units: Mapping[str, str]) -> None:
        self._engine, self._signal_name, self._units = engine, signal_name, units

    def __call__(self, entries: Sequence[Entry]) -> Sequence[Output]:
        """The handler of the stats stream: an effect, and nothing to pass on."""
        self.load([StatsBatch.decode(entry.fields) for entry in entries])
        return []

    def load(self, batches: Sequence[StatsBatch]) -> None:
        """Load the batches. Loading one again changes nothing."""
        started = time.perf_counter()
        with translated(), self._engine.begin() as connection:
            slices = Slices(connection)
            slices.lock(batches)
            wanted = slices.still_wanted(batches)
            if wanted:
                patches = fence.patches(wanted, slices.newer(wanted))
                count = self._replace(connection, patches)
                each_ms = (time.perf_counter() - started) * 1000 / len(wanted)
                slices.mark(wanted, patches, load_ms=each_ms)
        if wanted:
            self._tell(wanted, count, time.perf_counter() - started)
        if skipped := len(batches) - len(wanted):
            log.info("slices.skipped", count=skipped, why="loaded before, or the job is cancelled")

    def _replace(self, connection: Connection, patches: Sequence[fence.Patch]) -> int:
        signals = Signals(connection, template=self._signal_name, units=self._units)
        ids = signals.ids(key for patch in patches for key in SignalKey.of_patch(patch))
        target = Target(connection)
        values = rows.values(patches, ids)
        target.replace_data(rows.units(patches, ids), values)
        target.replace_quality(patches, rows.imperfect(patches))
        return len(values)

    def _tell(self, batches: Sequence[StatsBatch], count: int, took_s: float) -> None:
        log.info(
            "batch.loaded",
            jobs=sorted({batch.slice.job for batch in batches}),
            traces=sorted({batch.slice.trace for batch in batches}),
            slices=len(batches),
            values=count,
            ms=round(took_s * 1000, 3),
        )
