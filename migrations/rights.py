"""The rights of the roles in the target database, given by the first migration."""

# Each service has a role (deploy/postgres/target.sql), which gets what the service does with each
# table. A role that does not exist is left out.
_READ = """
    GRANT USAGE ON SCHEMA etl TO %1$I;
    GRANT SELECT ON alembic_version, signal, data, quality, signal_data, etl.job, etl.slice,
        etl.job_status, etl.ledger, etl.audit TO %1$I;
"""
_PRUNE = """
    GRANT DELETE ON etl.job, etl.slice TO %1$I;
    GRANT UPDATE (pruned_at, attempt) ON etl.job TO %1$I;
    GRANT UPDATE (pruned_at) ON etl.ledger TO %1$I;
    GRANT EXECUTE ON FUNCTION etl.prune_audit TO %1$I;
"""
# `dead-letters replay` continues a job.
_REOPEN = """
    GRANT UPDATE (failed_at, reason, error, cancelled_at, attempt, republished) ON etl.job TO %1$I;
    GRANT INSERT ON etl.audit TO %1$I;
"""
_SERVICES = {
    "minuano_extractor": f"""{_READ} {_PRUNE}
        GRANT INSERT, UPDATE ON etl.job, etl.slice TO %1$I;
        GRANT INSERT ON etl.audit TO %1$I;
    """,
    # Only a role that may update a column of a signal may lock the signal.
    "minuano_loader": f"""{_READ}
        GRANT INSERT, UPDATE, DELETE ON data TO %1$I;
        GRANT INSERT, DELETE ON quality TO %1$I;
        GRANT INSERT, UPDATE (unit) ON signal TO %1$I;
        GRANT UPDATE ON etl.job TO %1$I;
        GRANT INSERT, UPDATE ON etl.slice TO %1$I;
    """,
    "minuano_dashboard": f"""{_READ} {_REOPEN}
        GRANT SELECT, INSERT, DELETE ON etl.ended_session TO %1$I;
    """,
    "minuano_orchestrator": _READ,
    "minuano_cli": f"{_READ} {_REOPEN} {_PRUNE}",
}
SERVICE_GRANTS = "\n".join(
    f"""
    DO $$ BEGIN
        IF EXISTS (SELECT FROM pg_roles WHERE rolname = '{role}') THEN
            EXECUTE format($grants${grants}$grants$, '{role}');
        END IF;
    END $$;
    """
    for role, grants in _SERVICES.items()
)

# One role for all services (`minuano_writer` of the embedded stack) has default privileges, which
# grant the same rights on every table. It keeps only what the services do with each table.
GRANTS = """
DO $$
DECLARE
    other regrole;
    writes boolean;
BEGIN
    FOR other, writes IN
        SELECT acl.grantee::regrole,
               bool_or(c.oid = 'signal'::regclass AND acl.privilege_type = 'UPDATE')
        FROM pg_class c, aclexplode(c.relacl) acl
        WHERE c.oid = ANY (ARRAY['alembic_version', 'signal', 'data', 'quality', 'signal_data',
                                 'etl.job', 'etl.slice', 'etl.job_status', 'etl.ledger',
                                 'etl.audit', 'etl.ended_session']::regclass[])
        AND acl.grantee NOT IN (0, c.relowner)
        GROUP BY acl.grantee
    LOOP
        EXECUTE format('
            REVOKE INSERT, UPDATE, DELETE, TRUNCATE
                ON alembic_version, signal_data, etl.job_status, etl.ledger FROM %1$s;
            REVOKE UPDATE, DELETE, TRUNCATE ON signal, etl.audit FROM %1$s;
            REVOKE UPDATE, TRUNCATE ON quality, etl.ended_session FROM %1$s;
            REVOKE TRUNCATE ON data, etl.job, etl.slice FROM %1$s', other);
        -- Only a role that may update a column of a signal may lock the signal.
        IF writes THEN
            EXECUTE format('
                GRANT UPDATE (unit) ON signal TO %1$s;
                GRANT UPDATE (pruned_at) ON etl.ledger TO %1$s;
                GRANT EXECUTE ON FUNCTION etl.prune_audit TO %1$s', other);
        END IF;
    END LOOP;
END $$;
"""
