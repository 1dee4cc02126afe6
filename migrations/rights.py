"""The rights of the roles in the target database, given by the first migration."""

# Default privileges grant the same rights on every table (deploy/postgres/target.sql). Each role
# keeps only what the services do with each table.
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
                                 'etl.audit']::regclass[])
        AND acl.grantee NOT IN (0, c.relowner)
        GROUP BY acl.grantee
    LOOP
        EXECUTE format('
            REVOKE INSERT, UPDATE, DELETE, TRUNCATE
                ON alembic_version, signal_data, etl.job_status, etl.ledger FROM %1$s;
            REVOKE UPDATE, DELETE, TRUNCATE ON signal, etl.audit FROM %1$s;
            REVOKE UPDATE, TRUNCATE ON quality FROM %1$s;
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
