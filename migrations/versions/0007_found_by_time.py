"""Slices and flags are found by time alone: what the dashboard asks for."""

from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("CREATE INDEX slice_time ON etl.slice (start) WHERE loaded_at IS NOT NULL")
    op.execute("CREATE INDEX quality_time ON quality (timestamp)")


def downgrade() -> None:
    op.execute("DROP INDEX quality_time; DROP INDEX etl.slice_time")
