"""A job counts its attempts, so that a failure of an earlier one is told from one of the newest."""

from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

# A view is only ever widened at its end; it keeps its grants.
STATUS = """
CREATE OR REPLACE VIEW etl.job_status AS
SELECT j.id, j.idempotency_key, j.body_hash, j.first_day, j.last_day, j.timezone, j.variables,
       j.assets, j.spec, j.trace, j.created_at, j.started_at, j.slices_total, j.failed_at,
       j.reason, j.error, j.cancelled_at, j.last_letter, j.done_at,
       s.published, s.loaded, s.rows, s.windows, s.present, s.expected, s.superseded,
       s.extract_ms, s.aggregate_ms, s.load_ms, s.progressed_at,
       CASE WHEN j.done_at IS NOT NULL OR s.loaded = j.slices_total THEN 'done'
            WHEN j.cancelled_at IS NOT NULL THEN 'cancelled'
            WHEN j.failed_at IS NOT NULL THEN 'failed'
            WHEN j.started_at IS NOT NULL THEN 'running'
            ELSE 'queued'
       END AS state{attempt}
FROM etl.job j
CROSS JOIN LATERAL (
    SELECT count(*) FILTER (WHERE published_at IS NOT NULL OR loaded_at IS NOT NULL) AS published,
           count(*) FILTER (WHERE loaded_at IS NOT NULL) AS loaded,
           count(*) FILTER (WHERE superseded) AS superseded,
           coalesce(sum(rows), 0)::bigint AS rows,
           coalesce(sum(windows), 0)::bigint AS windows,
           coalesce(sum(present), 0)::bigint AS present,
           coalesce(sum(expected), 0)::bigint AS expected,
           coalesce(sum(extract_ms), 0) AS extract_ms,
           coalesce(sum(aggregate_ms), 0) AS aggregate_ms,
           coalesce(sum(load_ms), 0) AS load_ms,
           greatest(max(published_at), max(loaded_at)) AS progressed_at
    FROM etl.slice WHERE job_id = j.id
) s;
"""
ATTEMPTS = """
ALTER TABLE etl.job ADD COLUMN attempt integer NOT NULL DEFAULT 1;
COMMENT ON COLUMN etl.job.attempt IS
    'Raised by each retry: what an earlier attempt reports changes nothing';
"""


def upgrade() -> None:
    op.execute(ATTEMPTS)
    op.execute(STATUS.format(attempt=",\n       j.attempt"))


def downgrade() -> None:
    # A view can't lose a column in place; its grants are lost with it.
    op.execute("DROP VIEW etl.job_status")
    op.execute(STATUS.format(attempt=""))
    op.execute("ALTER TABLE etl.job DROP COLUMN attempt")
