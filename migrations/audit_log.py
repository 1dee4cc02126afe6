"""The table of the audit log, created by the first migration."""

# A row about a job is written by the statement that changes the job, a row about a dead letter
# before its action. Triggers refuse changes, and the removal of rows of the last
# 30 days, even by the owner. The services remove older rows with a function, and no others.
AUDIT = """
CREATE TABLE etl.audit (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at timestamptz NOT NULL DEFAULT clock_timestamp(),
    action text NOT NULL
        CHECK (action IN ('request', 'cancel', 'retry', 'replay', 'drop')),
    actor text NOT NULL,
    channel text NOT NULL
        CHECK (channel IN ('http', 'page', 'cli', 'dagster', 'stream', 'prune')),
    role text NOT NULL DEFAULT session_user,
    dead_letter_id text,
    stage text,
    stream text,
    entry_id text,
    reason text, error text,
    job_id bigint,
    deliveries integer,
    dead_lettered_at text,
    fields jsonb,
    CONSTRAINT audit_letter CHECK (
        num_nonnulls(dead_letter_id, stage, stream, entry_id, reason, error, deliveries,
                     dead_lettered_at, fields)
        = CASE WHEN action IN ('replay', 'drop') THEN 9 ELSE 0 END),
    CONSTRAINT audit_job CHECK (job_id IS NOT NULL OR action IN ('replay', 'drop'))
);
CREATE INDEX audit_letters ON etl.audit (id) WHERE dead_letter_id IS NOT NULL;
CREATE INDEX audit_job_id ON etl.audit (job_id) WHERE job_id IS NOT NULL;
COMMENT ON TABLE etl.audit IS
    'Who requested, cancelled or retried which job, and replayed or dropped which dead letter';
COMMENT ON COLUMN etl.audit.actor IS 'Who asked, as far as the service knows: user@host';
COMMENT ON COLUMN etl.audit.channel IS 'How the request came in';
COMMENT ON COLUMN etl.audit.role IS 'The role of PostgreSQL that wrote the row';
COMMENT ON COLUMN etl.audit.job_id IS 'Of a dead letter as its entry says: it may not exist';
COMMENT ON COLUMN etl.audit.dead_lettered_at IS 'As the dead letter says';
COMMENT ON COLUMN etl.audit.fields IS 'The fields of the entry, without its payload';

CREATE FUNCTION etl.refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE insufficient_privilege USING
        MESSAGE = 'rows of etl.audit cannot be changed, nor removed within 30 days',
        HINT = 'The function etl.prune_audit removes older rows.';
END $$;
CREATE TRIGGER audit_append_only BEFORE UPDATE OR TRUNCATE ON etl.audit
FOR EACH STATEMENT EXECUTE FUNCTION etl.refuse_change();
CREATE TRIGGER audit_keep BEFORE DELETE ON etl.audit
FOR EACH ROW WHEN (OLD.at > now() - interval '30 days') EXECUTE FUNCTION etl.refuse_change();

CREATE FUNCTION etl.prune_audit(older_than interval, most integer) RETURNS bigint
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
WITH old AS (
    SELECT id FROM etl.audit WHERE at < now() - greatest(older_than, interval '30 days')
    ORDER BY id LIMIT most FOR UPDATE SKIP LOCKED
), removed AS (
    DELETE FROM etl.audit WHERE id IN (SELECT id FROM old) RETURNING id
)
SELECT count(*) FROM removed
$$;
REVOKE EXECUTE ON FUNCTION etl.prune_audit FROM PUBLIC;
COMMENT ON FUNCTION etl.prune_audit IS
    'Removes the oldest rows, so many at most, if they are older; returns how many it removed';
"""
