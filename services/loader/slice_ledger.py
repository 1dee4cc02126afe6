"""The ledger, as the loader uses it: which slices are still to be loaded, and marking them."""

import hashlib
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import numpy as np
from sqlalchemy import Connection, text
from sqlalchemy.dialects.postgresql import insert

from services.loader.batch_validation import JobContract
from services.loader.fence import LoadedSpan, Patch
from shared.domain.batches import StatsBatch
from shared.domain.slices import Slice
from shared.domain.time_range import TimeRange
from shared.errors import InvalidInput
from shared.postgres.tables import slice_ as slice_table

_LOCK = text("SELECT pg_advisory_xact_lock(k) FROM unnest(CAST(:keys AS bigint[])) AS k")

_JOBS = text("""
    SELECT id, cancelled_at IS NOT NULL AS cancelled, started_at IS NOT NULL AS started,
           first_day, last_day, timezone, variables, assets, spec
    FROM etl.job WHERE id = ANY(:ids)
""")

_LOADED = text("""
    SELECT s.job_id, s.asset, s.start FROM etl.slice s JOIN unnest(
        CAST(:jobs AS bigint[]), CAST(:assets AS text[]), CAST(:starts AS timestamptz[])
    ) AS w(job_id, asset, start) USING (job_id, asset, start)
    WHERE s.loaded_at IS NOT NULL
""")

# No slice is longer than two days, so the index on (asset, start) finds all that overlap.
_NEWER = text("""
    SELECT DISTINCT s.job_id, s.asset, s.start, s."end", s.window_s, s.variables,
                    j.spec->'statistics' AS statistics
    FROM unnest(CAST(:jobs AS bigint[]), CAST(:assets AS text[]),
                CAST(:starts AS timestamptz[]), CAST(:ends AS timestamptz[]))
        AS w(job_id, asset, start, "end")
    JOIN etl.slice s ON s.asset = w.asset AND s.loaded_at IS NOT NULL
    AND s.start < w."end" AND s.start > w.start - interval '2 days'
    AND s."end" > w.start AND s.job_id > w.job_id
    JOIN etl.job j ON j.id = s.job_id
""")


class SliceLedger:
    """Reads and writes the ledger in the transaction of `connection`."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def lock(self, batches: Sequence[StatsBatch]) -> None:
        """Wait until no other loader works on these assets and days. All loaders lock in the same
        order, so they cannot deadlock.
        """
        keys = {key for batch in batches for slice_ in batch.slices for key in _lock_keys(slice_)}
        self._connection.execute(_LOCK, {"keys": sorted(keys)})

    def pending(self, batches: Sequence[StatsBatch]) -> list[StatsBatch]:
        """The batches to load: each slice once, without loaded slices and cancelled jobs. Raises
        `InvalidInput` if the job of a batch does not exist, or does not have a slice of it.
        """
        jobs = self._jobs({batch.job for batch in batches})
        active = [batch for batch in batches if not jobs[batch.job].cancelled]
        for batch in active:
            jobs[batch.job].require(batch)
        rows = self._connection.execute(_LOADED, _identities(active))
        taken = {(row.job_id, row.asset, row.start) for row in rows}
        pending = []
        for batch in reversed(active):  # of two deliveries of one slice, the later one counts
            positions = [n for n, s in enumerate(batch.slices) if s.identity not in taken]
            taken |= {slice_.identity for slice_ in batch.slices}
            if positions:
                pending.append(batch.take(positions))
        return pending[::-1]

    def newer_spans(self, batches: Sequence[StatsBatch]) -> list[LoadedSpan]:
        """The time ranges that newer jobs have loaded for the same assets."""
        ends = [slice_.end for batch in batches for slice_ in batch.slices]
        rows = self._connection.execute(_NEWER, {**_identities(batches), "ends": ends})
        return [
            LoadedSpan(
                row.job_id,
                row.asset,
                TimeRange(row.start, row.end),
                row.window_s,
                tuple(row.variables),
                tuple(row.statistics),
            )
            for row in rows
        ]

    def mark_loaded(
        self, batches: Sequence[StatsBatch], patches: Sequence[Patch], *, load_ms: float
    ) -> None:
        """Mark the slices as loaded. `load_ms` is the time per slice."""
        superseded = {patch.batch.slices[n].identity for patch in patches for n in patch.fenced}
        rows = [
            {
                **_key(slice_),
                **counts,
                "rows": rows,
                "superseded": slice_.identity in superseded,
                "extract_ms": batch.extract_ms / len(batch.slices),
                "aggregate_ms": batch.aggregate_ms / len(batch.slices),
                "load_ms": load_ms,
                "fingerprints": list(fingerprints),
            }
            for batch in batches
            for slice_, rows, fingerprints, counts in zip(
                batch.slices, batch.rows, batch.fingerprints, _counts(batch), strict=True
            )
        ]
        statement = insert(slice_table).values(loaded_at=text("clock_timestamp()"))
        updated = ("loaded_at", *(name for name in rows[0] if name not in _KEY))
        statement = statement.on_conflict_do_update(
            index_elements=["job_id", "asset", "start"],
            set_={name: statement.excluded[name] for name in updated},
        )
        self._connection.execute(statement, rows)

    def _jobs(self, ids: set[int]) -> dict[int, JobContract]:
        rows = self._connection.execute(_JOBS, {"ids": sorted(ids)})
        jobs = {row.id: JobContract.of(row._mapping) for row in rows}
        if unknown := ids - set(jobs):
            raise InvalidInput("unknown_job", f"there is no job {min(unknown)}")
        return jobs


_KEY = ("job_id", "asset", "start")


def _key(slice_: Slice) -> dict[str, Any]:
    return {
        "job_id": slice_.job, "asset": slice_.asset, "start": slice_.start, "end": slice_.end,
        "variables": list(slice_.variables), "window_s": slice_.spec.window_s,
    }  # fmt: skip


def _counts(batch: StatsBatch) -> list[dict[str, int]]:
    """Of each slice: the windows with a value, the samples they have, and the samples that are
    expected.
    """
    counts = np.array([batch.table[f"{name}:count"].to_numpy() for name in batch.variables])
    first = batch.bounds[:-1]
    columns = (
        np.add.reduceat((counts > 0).any(axis=0).astype(np.int64), first),
        np.add.reduceat(counts.sum(axis=0), first),
        np.add.reduceat(batch.table["expected"].to_numpy(), first) * len(batch.variables),
    )
    return [
        {"windows": windows, "present": present, "expected": expected}
        for windows, present, expected in zip(*(c.tolist() for c in columns), strict=True)
    ]


def _identities(batches: Sequence[StatsBatch]) -> dict[str, list[Any]]:
    slices = [slice_ for batch in batches for slice_ in batch.slices]
    return {
        "jobs": [slice_.job for slice_ in slices],
        "assets": [slice_.asset for slice_ in slices],
        "starts": [slice_.start for slice_ in slices],
    }


def _lock_keys(slice_: Slice) -> list[int]:
    """One key for each UTC day of the slice: 64 bits of a hash of asset and day."""
    first, last = slice_.start.date(), (slice_.end - timedelta(microseconds=1)).date()
    days = (first + timedelta(days=n) for n in range((last - first).days + 1))
    texts = (f"{slice_.asset}\n{day.isoformat()}".encode() for day in days)
    return [
        int.from_bytes(hashlib.blake2b(text, digest_size=8).digest(), "big", signed=True)
        for text in texts
    ]
