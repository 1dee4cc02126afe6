"""The ledger, as the loader uses it: which slices are still to be loaded, and marking them."""

import hashlib
import json
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from sqlalchemy import Connection, text

from services.loader.batch_validation import JobContract
from services.loader.fence import LoadedSpan
from services.loader.loaded_slice import LoadedSlice
from shared.domain.batches import StatsBatch
from shared.domain.slices import Slice
from shared.domain.time_range import TimeRange
from shared.errors import InvalidInput

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


# A slice is loaded once: a second mark changes nothing. Only rows that are new have no xmax. Jobs
# are updated last and in the order of their ids, so that two loaders cannot deadlock.
_MARK_LOADED = text("""
    WITH marked AS (
        INSERT INTO etl.slice AS s
            (job_id, asset, start, "end", variables, window_s, loaded_at, superseded, rows, windows,
             present, expected, extract_ms, aggregate_ms, load_ms, fingerprints)
        SELECT job_id, asset, start, "end", variables, window_s, clock_timestamp(), superseded,
               rows, windows, present, expected, extract_ms, aggregate_ms, load_ms, fingerprints
        FROM json_populate_recordset(CAST(NULL AS etl.slice), CAST(:slices AS json))
        ORDER BY job_id, asset, start
        ON CONFLICT (job_id, asset, start) DO UPDATE SET
            loaded_at = excluded.loaded_at, superseded = excluded.superseded,
            rows = excluded.rows, windows = excluded.windows,
            present = excluded.present, expected = excluded.expected,
            extract_ms = excluded.extract_ms, aggregate_ms = excluded.aggregate_ms,
            load_ms = excluded.load_ms, fingerprints = excluded.fingerprints
        WHERE s.loaded_at IS NULL
        RETURNING s.*, xmax = 0 AS is_new
    ), sums AS (
        SELECT job_id AS id, count(*) FILTER (WHERE is_new) AS published, count(*) AS loaded,
               count(*) FILTER (WHERE superseded) AS superseded, sum(rows) AS rows,
               sum(windows) AS windows, sum(present) AS present, sum(expected) AS expected,
               sum(extract_ms) AS extract_ms, sum(aggregate_ms) AS aggregate_ms,
               sum(load_ms) AS load_ms
        FROM marked GROUP BY job_id
    ), locked AS (
        SELECT id FROM etl.job WHERE id IN (SELECT id FROM sums) ORDER BY id FOR NO KEY UPDATE
    )
    UPDATE etl.job j SET
        published = j.published + s.published, loaded = j.loaded + s.loaded,
        superseded = j.superseded + s.superseded, rows = j.rows + s.rows,
        windows = j.windows + s.windows, present = j.present + s.present,
        expected = j.expected + s.expected, extract_ms = j.extract_ms + s.extract_ms,
        aggregate_ms = j.aggregate_ms + s.aggregate_ms, load_ms = j.load_ms + s.load_ms,
        progressed_at = clock_timestamp(),
        done_at = coalesce(
            j.done_at, CASE WHEN j.loaded + s.loaded = j.slices_total THEN clock_timestamp() END)
    FROM sums s JOIN locked USING (id) WHERE j.id = s.id
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

    def mark_loaded(self, slices: Sequence[LoadedSlice]) -> None:
        """Mark the slices as loaded and add them to the sums of their jobs. This locks the jobs, so
        it comes last in the transaction.
        """
        rows = [slice_.row() for slice_ in slices]
        self._connection.execute(_MARK_LOADED, {"slices": json.dumps(rows)})

    def _jobs(self, ids: set[int]) -> dict[int, JobContract]:
        rows = self._connection.execute(_JOBS, {"ids": sorted(ids)})
        jobs = {row.id: JobContract.of(row._mapping) for row in rows}
        if unknown := ids - set(jobs):
            raise InvalidInput("unknown_job", f"there is no job {min(unknown)}")
        return jobs


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
