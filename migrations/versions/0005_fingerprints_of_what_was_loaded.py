"""What samples a slice was computed from, so that it can be told when they have changed."""

from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

FINGERPRINTS = """
ALTER TABLE etl.slice ADD COLUMN fingerprints text[];
COMMENT ON COLUMN etl.slice.fingerprints IS
    'Of the samples, one for each variable; null where nothing was loaded yet';
"""


def upgrade() -> None:
    op.execute(FINGERPRINTS)


def downgrade() -> None:
    op.execute("ALTER TABLE etl.slice DROP COLUMN fingerprints")
