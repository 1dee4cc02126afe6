"""The longer statements of `shared.ledger.ledger`."""

from sqlalchemy import TextClause, text

from shared.domain.job import Job
from shared.ledger.audit_log import Action


def _audited(action: Action, change: str) -> TextClause:
    """The statement, which changes a job and returns its `id`. In the same statement it adds the
    row of the audit log: the action of `:name`, whose request came through `:channel`.
    """
    return text(f"""
        WITH changed AS ({change}), audited AS (
            INSERT INTO etl.audit (action, actor, channel, job_id)
            SELECT '{action}', :name, :channel, id FROM changed
        )
        SELECT * FROM changed
    """)  # noqa: S608 - our own statements


_INSERT = f"""
    INSERT INTO etl.job AS j (idempotency_key, body_hash, first_day, last_day, timezone, variables,
                              assets, spec, only_changed, trace)
    VALUES (:key, :body_hash, :first_day, :last_day, :timezone, CAST(:variables AS text[]),
            CAST(:assets AS text[]), CAST(:spec AS jsonb), :only_changed, :trace)
    ON CONFLICT (idempotency_key) DO NOTHING RETURNING {Job.returned()}
"""  # noqa: S608 - our own names
ADD = _audited("request", _INSERT)

CANCEL = _audited("cancel", "UPDATE etl.job SET cancelled_at = now() WHERE id = :id RETURNING id")
_CONTINUE = """
    UPDATE etl.job SET failed_at = NULL, reason = NULL, error = NULL, cancelled_at = NULL,
        republished = 0{more} WHERE id = :id RETURNING id
"""
# After a restore the number of the attempt may have been given before; its trace was not.
RETRY = _audited("retry", _CONTINUE.format(more=", attempt = attempt + 1, trace = :trace"))
REOPEN = text(_CONTINUE.format(more=""))

# FOR UPDATE would also wait for those who add slices of the job, and they for us.
LOCK = text("SELECT 1 FROM etl.job WHERE id = :id FOR NO KEY UPDATE")

IDENTITY = text("SELECT CAST(id AS text), CAST(etl.ledger_identity() AS text) FROM etl.ledger")

# The newest job that has loaded all that this job would load.
SUPERSEDED_BY = text("""
    SELECT max(n.id) FROM etl.job j JOIN etl.job n
    ON n.id > j.id AND n.done_at IS NOT NULL AND n.timezone = j.timezone
    AND n.first_day <= j.first_day AND n.last_day >= j.last_day
    AND n.variables @> j.variables AND j.assets <> '{}' AND n.assets @> j.assets
    AND n.spec->'window_s' = j.spec->'window_s'
    AND (n.spec->'statistics') @> (j.spec->'statistics')
    WHERE j.id = :id
""")
