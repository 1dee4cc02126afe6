"""Marks slices in the ledger as loaded, and keeps the sums of their jobs."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any

from shared.domain.slices import Slice

# A slice is loaded once: a second mark changes nothing. Only rows that are new have no xmax. Jobs
# are updated last and in the order of their ids, so that two loaders cannot deadlock. A job that
# was cancelled or retried since the transaction began makes it fail (40M01).
_MARK_LOADED = """
    WITH marked AS (
        INSERT INTO etl.slice AS s
            (job_id, asset, start, "end", variables, window_s, loaded_at, attempt, superseded, rows,
             windows, present, expected, extract_ms, aggregate_ms, load_ms, fingerprints, contents,
             unchanged)
        SELECT job_id, asset, start, "end", variables, window_s, clock_timestamp(), attempt,
               superseded, rows, windows, present, expected, extract_ms, aggregate_ms, load_ms,
               fingerprints, contents, unchanged
        FROM json_populate_recordset(CAST(NULL AS etl.slice), CAST(:slices AS json))
        ORDER BY job_id, asset, start
        ON CONFLICT (job_id, asset, start) DO UPDATE SET
            loaded_at = excluded.loaded_at, attempt = excluded.attempt,
            superseded = excluded.superseded,
            rows = excluded.rows, windows = excluded.windows,
            present = excluded.present, expected = excluded.expected,
            extract_ms = excluded.extract_ms, aggregate_ms = excluded.aggregate_ms,
            load_ms = excluded.load_ms, fingerprints = excluded.fingerprints,
            contents = excluded.contents, unchanged = excluded.unchanged
        WHERE s.loaded_at IS NULL
        RETURNING s.*, xmax = 0 AS is_new
    ), sums AS (
        SELECT job_id AS id, max(attempt) AS attempt,
               count(*) FILTER (WHERE is_new) AS published, count(*) AS loaded,
               count(*) FILTER (WHERE superseded) AS superseded,
               count(*) FILTER (WHERE unchanged) AS unchanged, sum(rows) AS rows,
               sum(windows) AS windows, sum(present) AS present, sum(expected) AS expected,
               sum(extract_ms) AS extract_ms, sum(aggregate_ms) AS aggregate_ms,
               sum(load_ms) AS load_ms
        FROM marked GROUP BY job_id
    ), locked AS (
        SELECT id, attempt AS newest, cancelled_at FROM etl.job
        WHERE id IN (SELECT id FROM sums) ORDER BY id FOR NO KEY UPDATE
    )
    UPDATE etl.job j SET
        published = j.published + s.published, loaded = j.loaded + s.loaded,
        superseded = j.superseded + s.superseded, unchanged = j.unchanged + s.unchanged,
        rows = j.rows + s.rows,
        windows = j.windows + s.windows, present = j.present + s.present,
        expected = j.expected + s.expected, extract_ms = j.extract_ms + s.extract_ms,
        aggregate_ms = j.aggregate_ms + s.aggregate_ms, load_ms = j.load_ms + s.load_ms,
        progressed_at = clock_timestamp(), republished = 0,
        done_at = coalesce(
            j.done_at, CASE WHEN j.loaded + s.loaded = j.slices_total THEN clock_timestamp() END)
    FROM sums s JOIN locked l USING (id)
    WHERE j.id = s.id AND etl.require_attempt(s.id, l.newest, l.cancelled_at, s.attempt)
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadedSlice:
    """`windows` are those with a value, `present` the samples that they have, `expected` the
    samples that they should have, both over all variables. `superseded`: a newer job had loaded
    some of the windows before. `fingerprints` are in the order of the variables. `contents` are
    those of `shared.domain.content_hash`, None for a series of which a newer job had loaded windows
    before. `unchanged`: the slice was not computed, because samples and windows were those of the
    slice that was loaded before.
    """

    slice: Slice
    rows: int
    windows: int
    present: int
    expected: int
    superseded: bool
    extract_ms: float
    aggregate_ms: float
    load_ms: float
    fingerprints: tuple[str, ...]
    contents: Sequence[int | None]
    unchanged: bool = False

    def row(self) -> dict[str, Any]:
        """The columns of `etl.slice`, as JSON can write them."""
        slice_ = self.slice
        values = {f.name: getattr(self, f.name) for f in fields(self) if f.name != "slice"}
        return values | {
            "job_id": slice_.job, "asset": slice_.asset, "variables": slice_.variables,
            "start": slice_.start.isoformat(), "end": slice_.end.isoformat(),
            "window_s": slice_.spec.window_s, "attempt": slice_.attempt,
        }  # fmt: skip


def marks(slices: Sequence[LoadedSlice]) -> tuple[str, dict[str, str]]:
    """The statement that marks the slices as loaded and adds them to the sums of their jobs. It
    locks the jobs, so it is the last one of its transaction.
    """
    return _MARK_LOADED, {"slices": json.dumps([slice_.row() for slice_ in slices])}
