"""Who removed which dead letter from its stream, and how."""

from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

AUDIT = """
CREATE TABLE etl.audit (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at timestamptz NOT NULL DEFAULT clock_timestamp(),
    action text NOT NULL CHECK (action IN ('replay', 'drop')),
    who text NOT NULL,
    role text NOT NULL DEFAULT session_user,
    letter text NOT NULL,
    stage text NOT NULL,
    stream text NOT NULL,
    entry text NOT NULL,
    reason text NOT NULL,
    error text NOT NULL,
    job bigint,
    deliveries integer NOT NULL,
    died_at text NOT NULL,
    fields jsonb NOT NULL
);
CREATE INDEX audit_job ON etl.audit (job) WHERE job IS NOT NULL;
COMMENT ON TABLE etl.audit IS
    'What was done with dead letters; written before it is done, and never changed';
COMMENT ON COLUMN etl.audit.who IS 'The person at the command line, as user@host';
COMMENT ON COLUMN etl.audit.job IS 'As the entry says: there may be no such job';
COMMENT ON COLUMN etl.audit.died_at IS 'As the letter says';
COMMENT ON COLUMN etl.audit.fields IS 'The fields of the entry, without its payload';

-- A new table is granted as all tables are; this one is only written on.
DO $$
DECLARE
    other regrole;
BEGIN
    FOR other IN
        SELECT DISTINCT given.grantee::regrole
        FROM pg_class c, aclexplode(c.relacl) given
        WHERE c.oid = 'etl.audit'::regclass AND given.grantee NOT IN (0, c.relowner)
    LOOP
        EXECUTE format('REVOKE UPDATE, DELETE, TRUNCATE ON etl.audit FROM %s', other);
    END LOOP;
END $$;

-- And where one role may do everything, at least not by mistake.
CREATE FUNCTION etl.require_standing() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    RAISE insufficient_privilege USING
        MESSAGE = 'what stands in etl.audit is not changed',
        HINT = 'To remove what is old, its owner disables the trigger audit_stands first.';
END $$;
CREATE TRIGGER audit_stands BEFORE UPDATE OR DELETE OR TRUNCATE ON etl.audit
FOR EACH STATEMENT EXECUTE FUNCTION etl.require_standing();
"""


def upgrade() -> None:
    op.execute(AUDIT)


def downgrade() -> None:
    op.execute("DROP TABLE etl.audit; DROP FUNCTION etl.require_standing")
