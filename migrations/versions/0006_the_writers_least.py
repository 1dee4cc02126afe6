"""Who fills the tables may do no more than that: jobs, slices and signals are never removed."""

from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

# Tables and views are granted as all tables are; from here on only what the services do with each.
# Whoever locks a signal has to be allowed an UPDATE of a column: the one that means least.
LEAST = """
DO $$
DECLARE
    other regrole;
    locks boolean;
BEGIN
    FOR other, locks IN
        SELECT given.grantee::regrole,
               bool_or(c.oid = 'signal'::regclass AND given.privilege_type = 'UPDATE')
        FROM pg_class c, aclexplode(c.relacl) given
        WHERE c.oid = ANY (ARRAY['data', 'quality', 'signal', 'signal_data',
                                 'etl.job', 'etl.slice', 'etl.job_status']::regclass[])
        AND given.grantee NOT IN (0, c.relowner)
        GROUP BY given.grantee
    LOOP
        EXECUTE format('REVOKE TRUNCATE ON data FROM %s', other);
        EXECUTE format('REVOKE UPDATE, TRUNCATE ON quality FROM %s', other);
        EXECUTE format('REVOKE UPDATE, DELETE, TRUNCATE ON signal FROM %s', other);
        EXECUTE format('REVOKE DELETE, TRUNCATE ON etl.job, etl.slice FROM %s', other);
        EXECUTE format('REVOKE INSERT, UPDATE, DELETE, TRUNCATE '
                       'ON signal_data, etl.job_status FROM %s', other);
        IF locks THEN
            EXECUTE format('GRANT UPDATE (unit) ON signal TO %s', other);
        END IF;
    END LOOP;
END $$;
"""


def upgrade() -> None:
    op.execute(LEAST)


def downgrade() -> None:
    """What was granted is not known any more, and nobody needs it."""
