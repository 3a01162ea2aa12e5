"""The audit log tells how a caller was recognised, and which operation it was about."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Adds the columns."""
    op.add_column("audit", sa.Column("proof", sa.String(16), nullable=False, server_default=""))
    op.add_column(
        "audit", sa.Column("operation_uid", sa.String(36), nullable=False, server_default="")
    )
    op.create_index("ix_audit_operation_uid", "audit", ["operation_uid"])


def downgrade() -> None:
    """Drops them."""
    op.drop_index("ix_audit_operation_uid", "audit")
    op.drop_column("audit", "operation_uid")
    op.drop_column("audit", "proof")
