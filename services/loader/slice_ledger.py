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
from shared.domain.batches import Slice, StatsBatch
from shared.domain.time_range import TimeRange
from shared.errors import InvalidInput
from shared.postgres.tables import slice_

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
        keys = sorted({key for batch in batches for key in _lock_keys(batch.slice)})
        self._connection.execute(_LOCK, {"keys": keys})

    def pending(self, batches: Sequence[StatsBatch]) -> list[StatsBatch]:
        """The batches to load: each slice once, without loaded slices and cancelled jobs. Raises
        `InvalidInput` if the job of a batch does not exist, or does not have the batch.
        """
        jobs = self._jobs({batch.slice.job for batch in batches})
        active = [batch for batch in batches if not jobs[batch.slice.job].cancelled]
        for batch in active:
            jobs[batch.slice.job].require(batch)
        unique = {batch.slice.identity: batch for batch in active}
        rows = self._connection.execute(_LOADED, _identities(active))
        loaded = {(row.job_id, row.asset, row.start) for row in rows}
        return [batch for identity, batch in sorted(unique.items()) if identity not in loaded]

    def newer_spans(self, batches: Sequence[StatsBatch]) -> list[LoadedSpan]:
        """The time ranges that newer jobs have loaded for the same assets."""
        ends = [batch.slice.end for batch in batches]
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
        superseded = {patch.batch.slice.identity for patch in patches if not patch.is_whole}
        rows = [
            {
                **_key(batch.slice),
                **_counts(batch),
                "superseded": batch.slice.identity in superseded,
                "extract_ms": batch.extract_ms,
                "aggregate_ms": batch.aggregate_ms,
                "load_ms": load_ms,
                "fingerprints": list(batch.fingerprints),
            }
            for batch in batches
        ]
        statement = insert(slice_).values(loaded_at=text("clock_timestamp()"))
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


def _counts(batch: StatsBatch) -> dict[str, int]:
    """The windows with a value, the samples they have, and the samples that are expected."""
    counts = np.array(
        [batch.table[f"{variable}:count"].to_numpy() for variable in batch.slice.variables]
    )
    expected = batch.table["expected"].to_numpy()
    return {
        "rows": batch.rows,
        "windows": int((counts > 0).any(axis=0).sum()),
        "present": int(counts.sum()),
        "expected": int(expected.sum()) * len(batch.slice.variables),
    }


def _identities(batches: Sequence[StatsBatch]) -> dict[str, list[Any]]:
    return {
        "jobs": [batch.slice.job for batch in batches],
        "assets": [batch.slice.asset for batch in batches],
        "starts": [batch.slice.start for batch in batches],
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
