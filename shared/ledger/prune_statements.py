"""The statements of `shared.ledger.prune`: what may be removed, decided in SQL.

Each takes `older_than`, an interval; those that remove rows remove at most `rows`. All ages are by
the clock of PostgreSQL.
"""

from sqlalchemy import text

_ENDED = """
    etl.state(j) = ANY(:ended) AND greatest(
        j.created_at, j.progressed_at, j.done_at, j.failed_at, j.cancelled_at
    ) < now() - CAST(:older_than AS interval)
"""
# `day` is the part of the local day that the job has loaded. One newer job must have loaded all of
# it, because the page of loaded days asks how much of a day each job has. No slice is longer than
# two days, so the index on (asset, start) finds all that overlap. With OFFSET 0 PostgreSQL uses
# that index; otherwise it would try each job for each slice.
_SLICES = f"""
    WITH checked AS MATERIALIZED (
        SELECT job_id, asset, start, window_s, loaded_at FROM etl.slice
        WHERE (job_id, asset, start) > (:job, :asset, CAST(:start AS timestamptz))
        AND job_id <= :last ORDER BY job_id, asset, start LIMIT :rows
    ), ended AS MATERIALIZED (
        SELECT j.id AS job_id, j.variables, j.spec->'statistics' AS statistics, j.timezone
        FROM etl.job j WHERE j.id IN (SELECT job_id FROM checked) AND {_ENDED}
    ), removable AS MATERIALIZED (
        SELECT c.job_id, c.asset, c.start FROM checked c JOIN ended e USING (job_id)
        CROSS JOIN LATERAL (
            SELECT min(start) AS start, max("end") AS "end" FROM etl.slice d
            WHERE d.job_id = c.job_id AND d.asset = c.asset AND d.loaded_at IS NOT NULL
            AND d.start BETWEEN c.start - interval '2 days' AND c.start + interval '2 days'
            AND CAST(d.start AT TIME ZONE e.timezone AS date)
                = CAST(c.start AT TIME ZONE e.timezone AS date)
        ) day
        WHERE c.loaded_at IS NULL OR EXISTS (
            SELECT FROM (
                SELECT n.job_id FROM (
                    SELECT job_id, start, "end" FROM etl.slice
                    WHERE asset = c.asset AND window_s = c.window_s AND loaded_at IS NOT NULL
                    AND start < day."end" AND start > day.start - interval '2 days'
                    AND "end" > day.start OFFSET 0
                ) n
                WHERE n.job_id > c.job_id GROUP BY n.job_id
                HAVING range_agg(tstzrange(n.start, n."end")) @> tstzrange(day.start, day."end")
                OFFSET 0
            ) newer JOIN etl.job k ON k.id = newer.job_id
            WHERE k.variables @> e.variables AND k.spec->'statistics' @> e.statistics
        )
    )
"""  # noqa: S608 - our own text

LAST_ENDED = text(f"SELECT max(j.id) FROM etl.job j WHERE {_ENDED}")  # noqa: S608
"""The last job of which slices may be removed."""
COUNT_SLICES = text(f"""
    {_SLICES} SELECT job_id, asset, start, r.found IS NOT NULL AS removed FROM checked c
    LEFT JOIN (SELECT *, true AS found FROM removable) r USING (job_id, asset, start)
    ORDER BY job_id, asset, start
""")  # noqa: S608 - our own text
"""The next `rows` slices after (`job`, `asset`, `start`) of jobs up to `last`, and which of them to
remove.
"""
# A retry locks its job, and so does this statement: a job that is open again loses no slice.
REMOVE_SLICES = text(f"""
    {_SLICES}, jobs AS (
        SELECT j.id FROM etl.job j WHERE j.id IN (SELECT job_id FROM removable) AND {_ENDED}
        ORDER BY j.id FOR NO KEY UPDATE SKIP LOCKED
    ), removed AS (
        DELETE FROM etl.slice s USING removable r, jobs WHERE jobs.id = r.job_id
        AND (s.job_id, s.asset, s.start) = (r.job_id, r.asset, r.start)
        RETURNING s.job_id, s.asset, s.start
    ), marked AS (
        UPDATE etl.job j SET pruned_at = now(), attempt = attempt + 1
        FROM (SELECT DISTINCT job_id FROM removed) r
        WHERE j.id = r.job_id AND pruned_at IS NULL
    )
    SELECT job_id, asset, start, r.found IS NOT NULL AS removed FROM checked c
    LEFT JOIN (SELECT *, true AS found FROM removed) r USING (job_id, asset, start)
    ORDER BY job_id, asset, start
""")  # noqa: S608 - our own text
"""The same, and removes them."""

_EMPTY = f"{_ENDED} AND NOT EXISTS (SELECT FROM etl.slice s WHERE s.job_id = j.id)"
COUNT_JOBS = text(f"SELECT count(*) FROM etl.job j WHERE {_EMPTY}")  # noqa: S608
"""The number of ended jobs without slices."""
REMOVE_JOBS = text(f"""
    WITH empty AS (
        SELECT j.id FROM etl.job j WHERE {_EMPTY} ORDER BY j.id LIMIT :rows FOR UPDATE SKIP LOCKED
    ), removed AS (
        DELETE FROM etl.job WHERE id IN (SELECT id FROM empty) RETURNING id
    )
    SELECT count(*) FROM removed
""")  # noqa: S608 - our own text
"""Removes them, and returns how many."""
COUNT_AUDIT = text("""
    SELECT count(*) FROM etl.audit
    WHERE at < now() - greatest(CAST(:older_than AS interval), interval '30 days')
""")
"""The number of entries of the audit log that may be removed."""
REMOVE_AUDIT = text("SELECT etl.prune_audit(CAST(:older_than AS interval), :rows)")
"""Removes them, and returns how many."""
ACTIVE_JOBS = text(
    "SELECT j.id FROM etl.job j WHERE j.id = ANY(:ids) AND NOT etl.state(j) = ANY(:ended)"
)
"""Those of the jobs `ids` that have not ended."""
BEGIN_DAILY = text("""
    UPDATE etl.ledger SET pruned_at = now()
    WHERE pruned_at IS NULL OR now() - pruned_at NOT BETWEEN interval '-1 day' AND interval '1 day'
    RETURNING id
""")
"""Returns a row if a day has passed since the daily prune last began, or the clock went back."""
