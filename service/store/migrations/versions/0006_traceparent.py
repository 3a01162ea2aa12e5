"""The trace in which a training was asked for, so that it goes on where the training runs."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Adds the column; trainings under way have no trace."""
    with op.batch_alter_table("operations") as table:
        table.add_column(sa.Column("traceparent", sa.String(55), nullable=False, server_default=""))


def downgrade() -> None:
    """Drops it."""
    with op.batch_alter_table("operations") as table:
        table.drop_column("traceparent")
