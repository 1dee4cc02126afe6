"""Only the owner says at which version the schema stands; the others read it."""

from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

# Alembic's table is granted as all tables are; who may write rows must not be able to pretend.
READ_ONLY = """
DO $$
DECLARE
    other regrole;
BEGIN
    FOR other IN
        SELECT DISTINCT given.grantee::regrole
        FROM pg_class c, aclexplode(c.relacl) given
        WHERE c.oid = 'alembic_version'::regclass AND given.grantee NOT IN (0, c.relowner)
    LOOP
        EXECUTE format('REVOKE INSERT, UPDATE, DELETE, TRUNCATE ON alembic_version FROM %s', other);
    END LOOP;
END $$;
"""


def upgrade() -> None:
    op.execute(READ_ONLY)


def downgrade() -> None:
    """What was granted is not known any more, and nobody needs it."""
