"""Marks slices in the ledger as published, and keeps the sums of their job."""

from collections.abc import Sequence

from sqlalchemy import Connection, text

from shared.domain.slices import Slice

# The commit does not wait for the disk: docs/decisions/0015. Only rows that are new have no xmax.
# The job is updated after its slices, as the loader does, and in the same statement, so that its
# row is locked for a short time.
_PUBLISHED = text("""
    WITH durability AS (
        SELECT set_config('synchronous_commit', 'off', true)
    ), marked AS (
        INSERT INTO etl.slice
            (job_id, asset, start, "end", variables, window_s, published_at)
        SELECT :job, w.asset, w.start, w."end", CAST(:variables AS text[]), :window_s,
               clock_timestamp()
        FROM unnest(CAST(:assets AS text[]), CAST(:starts AS timestamptz[]),
                    CAST(:ends AS timestamptz[])) AS w(asset, start, "end")
        ORDER BY w.asset, w.start
        ON CONFLICT (job_id, asset, start) DO UPDATE SET published_at = excluded.published_at
        RETURNING xmax = 0 AS is_new
    ), sums AS (
        SELECT count(*) FILTER (WHERE is_new) AS published FROM marked
    )
    UPDATE etl.job j
    SET published = j.published + sums.published, progressed_at = clock_timestamp()
    FROM sums, durability WHERE j.id = :job
""")


def mark_published(connection: Connection, slices: Sequence[Slice]) -> None:
    """Record that these slices of one job were published, in one statement."""
    first = slices[0]
    values = {
        "job": first.job, "variables": list(first.variables), "window_s": first.spec.window_s,
        "assets": [s.asset for s in slices], "starts": [s.start for s in slices],
        "ends": [s.end for s in slices],
    }  # fmt: skip
    connection.execute(_PUBLISHED, values)
