"""Whose an operation is, until when it must be done, and the pictures that it shows."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Adds the columns; what was there before belongs to the tenant that all callers were."""
    with op.batch_alter_table("operations") as table:
        table.add_column(
            sa.Column("tenant", sa.String(128), nullable=False, server_default="default")
        )
        table.add_column(sa.Column("previews", sa.Integer, nullable=False, server_default="0"))
        table.add_column(sa.Column("deadline", sa.BigInteger))
        table.create_index("ix_operations_tenant_state", ["tenant", "state"])


def downgrade() -> None:
    """Drops them."""
    with op.batch_alter_table("operations") as table:
        table.drop_index("ix_operations_tenant_state")
        for name in ("deadline", "previews", "tenant"):
            table.drop_column(name)
