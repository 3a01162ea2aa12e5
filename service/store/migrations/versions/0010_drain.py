"""Since when trainings are drained."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Adds the column."""
    op.add_column("leadership", sa.Column("drain_time", sa.BigInteger))


def downgrade() -> None:
    """Drops it."""
    op.drop_column("leadership", "drain_time")
