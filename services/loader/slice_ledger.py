"""The ledger, as the loader uses it: which slices are still to be loaded, and marking them."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Self

from services.loader.batch_validation import JobContract
from services.loader.fence import LoadedSpan
from services.loader.loaded_slice import LoadedSlice
from services.loader.target_writer import USE_INDEXES
from shared.domain.batches import StatsBatch
from shared.domain.slices import Slice
from shared.domain.time_range import TimeRange
from shared.errors import InvalidInput
from shared.postgres.transaction import Transaction

_LOCK = "SELECT pg_advisory_xact_lock(k) FROM unnest(CAST(:keys AS bigint[])) AS k"

# No slice is longer than two days, so the index on (asset, start) finds all that overlap.
_READ = """
    WITH slices AS MATERIALIZED (
        SELECT * FROM unnest(CAST(:jobs AS bigint[]), CAST(:assets AS text[]),
                             CAST(:starts AS timestamptz[]), CAST(:ends AS timestamptz[]))
            AS w(job_id, asset, start, "end")
    ), jobs AS (
        SELECT id, cancelled_at IS NOT NULL AS cancelled, started_at IS NOT NULL AS started,
               first_day, last_day, timezone, variables, assets, spec
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
    )
    SELECT (SELECT json_agg(j) FROM jobs j) AS jobs,
           (SELECT json_agg(l) FROM loaded l) AS loaded,
           (SELECT json_agg(n) FROM newer n) AS newer
"""

# A slice is loaded once: a second mark changes nothing. Only rows that are new have no xmax. Jobs
# are updated last and in the order of their ids, so that two loaders cannot deadlock.
_MARK_LOADED = """
    WITH marked AS (
        INSERT INTO etl.slice AS s
            (job_id, asset, start, "end", variables, window_s, loaded_at, superseded, rows, windows,
             present, expected, extract_ms, aggregate_ms, load_ms, fingerprints, content)
        SELECT job_id, asset, start, "end", variables, window_s, clock_timestamp(), superseded,
               rows, windows, present, expected, extract_ms, aggregate_ms, load_ms, fingerprints,
               content
        FROM json_populate_recordset(CAST(NULL AS etl.slice), CAST(:slices AS json))
        ORDER BY job_id, asset, start
        ON CONFLICT (job_id, asset, start) DO UPDATE SET
            loaded_at = excluded.loaded_at, superseded = excluded.superseded,
            rows = excluded.rows, windows = excluded.windows,
            present = excluded.present, expected = excluded.expected,
            extract_ms = excluded.extract_ms, aggregate_ms = excluded.aggregate_ms,
            load_ms = excluded.load_ms, fingerprints = excluded.fingerprints,
            content = excluded.content
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
"""


class SliceLedger:
    """The ledger, as it is after `lock`, for the slices of these batches."""

    def __init__(self, jobs: Any, loaded: Any, newer: Any) -> None:
        self._jobs = {row["id"]: JobContract.of(row) for row in jobs or ()}
        self._loaded = {
            (row["job_id"], row["asset"], datetime.fromisoformat(row["start"]))
            for row in loaded or ()
        }
        self.newer_spans = [_span(row) for row in newer or ()]
        """The time ranges that newer jobs have loaded for the same assets."""

    @classmethod
    def lock(cls, opened: Transaction, batches: Sequence[StatsBatch]) -> Self:
        """Begin the transaction; wait until no other loader works on these assets and days, then
        read the ledger. All loaders lock in the same order, so they cannot deadlock.
        """
        slices = [slice_ for batch in batches for slice_ in batch.slices]
        values = {
            "keys": sorted({key for slice_ in slices for key in _lock_keys(slice_)}),
            "jobs": [slice_.job for slice_ in slices],
            "assets": [slice_.asset for slice_ in slices],
            "starts": [slice_.start for slice_ in slices],
            "ends": [slice_.end for slice_ in slices],
        }
        row: Any = opened.first(USE_INDEXES, _LOCK, _READ, **values).one()
        return cls(row.jobs, row.loaded, row.newer)

    def pending(self, batches: Sequence[StatsBatch]) -> list[StatsBatch]:
        """The batches to load: each slice once, without loaded slices and cancelled jobs. Raises
        `InvalidInput` if the job of a batch does not exist, or does not have a slice of it.
        """
        if unknown := {batch.job for batch in batches} - set(self._jobs):
            raise InvalidInput("unknown_job", f"there is no job {min(unknown)}")
        active = [batch for batch in batches if not self._jobs[batch.job].cancelled]
        for batch in active:
            self._jobs[batch.job].require(batch)
        taken, pending = set(self._loaded), []
        for batch in reversed(active):  # of two deliveries of one slice, the later one counts
            positions = [n for n, s in enumerate(batch.slices) if s.identity not in taken]
            taken |= {slice_.identity for slice_ in batch.slices}
            if positions:
                pending.append(batch.take(positions))
        return pending[::-1]


def marks(slices: Sequence[LoadedSlice]) -> tuple[str, dict[str, str]]:
    """The statement that marks the slices as loaded and adds them to the sums of their jobs. It
    locks the jobs, so it is the last one of its transaction.
    """
    return _MARK_LOADED, {"slices": json.dumps([slice_.row() for slice_ in slices])}


def _span(row: Mapping[str, Any]) -> LoadedSpan:
    start, end = (datetime.fromisoformat(row[name]) for name in ("start", "end"))
    return LoadedSpan(
        row["job_id"], row["asset"], TimeRange(start, end), row["window_s"],
        tuple(row["variables"]), tuple(row["statistics"]),
    )  # fmt: skip


def _lock_keys(slice_: Slice) -> list[int]:
    """One key for each UTC day of the slice: 64 bits of a hash of asset and day."""
    first, last = slice_.start.date(), (slice_.end - timedelta(microseconds=1)).date()
    days = (first + timedelta(days=n) for n in range((last - first).days + 1))
    texts = (f"{slice_.asset}\n{day.isoformat()}".encode() for day in days)
    return [
        int.from_bytes(hashlib.blake2b(text, digest_size=8).digest(), "big", signed=True)
        for text in texts
    ]
