"""The ledger, as the loader uses it: which slices are still to be loaded, and marking them."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Self

from sqlalchemy import Row

from services.loader.batch_validation import JobContract
from services.loader.fence import LoadedSpan
from services.loader.signals import FIND, SignalKey, find_values
from services.loader.target_writer import USE_INDEXES
from shared.domain.batches import StatsBatch
from shared.domain.time_range import TimeRange
from shared.errors import InvalidInput
from shared.ledger import slice_locks
from shared.postgres.transaction import Transaction

# No slice is longer than two days, so the index on (asset, start) finds all that overlap. With
# LIMIT PostgreSQL searches `data` by its whole primary key; a join could read all rows of a signal.
_READ = f"""
    WITH slices AS MATERIALIZED (
        SELECT * FROM unnest(CAST(:jobs AS bigint[]), CAST(:assets AS text[]),
                             CAST(:starts AS timestamptz[]), CAST(:ends AS timestamptz[]))
            AS w(job_id, asset, start, "end")
    ), jobs AS (
        SELECT id, attempt, cancelled_at IS NOT NULL AS cancelled,
               started_at IS NOT NULL AS started, trace, first_day, last_day, timezone,
               variables, assets, spec
        FROM etl.job WHERE id IN (SELECT job_id FROM slices)
    ), loaded AS (
        SELECT job_id, asset, s.start FROM slices w JOIN etl.slice s USING (job_id, asset, start)
        WHERE s.loaded_at IS NOT NULL
    ), newer AS (
        SELECT DISTINCT s.job_id, s.asset, s.start, s."end", s.window_s, s.variables,
                        j.spec->'statistics' AS statistics
        FROM slices w
        JOIN etl.slice s ON s.asset = w.asset AND s.loaded_at IS NOT NULL
        AND s.start < w."end" AND s.start > w.start - interval '2 days'
        AND s."end" > w.start AND s.job_id > w.job_id
        JOIN etl.job j ON j.id = s.job_id
    ), signals AS MATERIALIZED ({FIND})
    SELECT CAST(etl.ledger_identity() AS text) AS ledger, {slice_locks.BUSY} AS busy,
           (SELECT json_agg(j) FROM jobs j) AS jobs,
           (SELECT json_agg(l) FROM loaded l) AS loaded,
           (SELECT json_agg(n) FROM newer n) AS newer,
           (SELECT json_agg(s) FROM signals s) AS signals,
           EXISTS (SELECT FROM signals s CROSS JOIN LATERAL (
               SELECT FROM data d WHERE d.signal_id = s.id
               AND d.timestamp >= (SELECT min(start) FROM slices)
               AND d.timestamp < (SELECT max("end") FROM slices) LIMIT 1
           ) r) AS has_rows
"""  # noqa: S608 - our own text


class SliceLedger:
    """The ledger, as it is after `lock`, for the slices of these batches."""

    def __init__(self, read: Row[Any], keys: Sequence[SignalKey]) -> None:
        self._ledger: str = read.ledger
        self._busy: str = read.busy
        self._jobs = {row["id"]: JobContract.of(row) for row in read.jobs or ()}
        self._loaded = {
            (row["job_id"], row["asset"], datetime.fromisoformat(row["start"]))
            for row in read.loaded or ()
        }
        self.newer_spans = [_span(row) for row in read.newer or ()]
        """The time ranges that newer jobs have loaded for the same assets."""
        self.signal_keys, self.signals = keys, read.signals or ()
        """The keys of the signals of the batches, and the rows of `signals.FIND`."""
        self.has_rows: bool = read.has_rows
        """Whether the target has rows of these signals between the first and the last slice."""

    @classmethod
    def lock(cls, opened: Transaction, batches: Sequence[StatsBatch]) -> Self:
        """Begin the transaction; lock the assets and days on which no other loader works, then read
        the ledger. It waits for no lock: a loader that stands still would stop all others.
        """
        slices = [slice_ for batch in batches for slice_ in batch.slices]
        keys = sorted({key for batch in batches for key in SignalKey.of_batch(batch)})
        values = {
            "keys": slice_locks.keys(slices),
            "jobs": [slice_.job for slice_ in slices],
            "assets": [slice_.asset for slice_ in slices],
            "starts": [slice_.start for slice_ in slices],
            "ends": [slice_.end for slice_ in slices],
            **find_values(keys),
        }
        return cls(opened.first(USE_INDEXES, slice_locks.TRY_LOCK, _READ, **values).one(), keys)

    def locked(self, batches: Sequence[StatsBatch]) -> list[StatsBatch]:
        """The batches with those of their slices only that this transaction has locked."""
        if not self._busy:
            return list(batches)
        free = [slice_locks.without_keys(batch.slices, self._busy) for batch in batches]
        return [batch.take(n) for batch, n in zip(batches, free, strict=True) if n]

    def pending(self, batches: Sequence[StatsBatch]) -> list[StatsBatch]:
        """The batches to load: each slice once, without loaded slices, cancelled jobs, and batches
        of another ledger or of another attempt. Raises `InvalidInput` if the job of a batch does
        not exist, or does not have a slice of it.
        """
        ours = [batch for batch in batches if batch.ledger == self._ledger]
        if unknown := {batch.job for batch in ours} - set(self._jobs):
            raise InvalidInput("unknown_job", f"there is no job {min(unknown)}")
        active = [batch for batch in ours if self._jobs[batch.job].takes(batch)]
        for batch in active:
            self._jobs[batch.job].require(batch)
        taken, pending = set(self._loaded), []
        for batch in reversed(active):  # of two deliveries of one slice, the later one counts
            positions = [n for n, s in enumerate(batch.slices) if s.identity not in taken]
            taken |= {slice_.identity for slice_ in batch.slices}
            if positions:
                pending.append(batch.take(positions))
        return pending[::-1]


def _span(row: Mapping[str, Any]) -> LoadedSpan:
    start, end = (datetime.fromisoformat(row[name]) for name in ("start", "end"))
    return LoadedSpan(
        row["job_id"], row["asset"], TimeRange(start, end), row["window_s"],
        tuple(row["variables"]), tuple(row["statistics"]),
    )  # fmt: skip
