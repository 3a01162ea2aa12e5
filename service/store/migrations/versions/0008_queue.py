"""Indexes by which the queue is read from its ends, however long it is."""

from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

INDEXES = {
    "ix_operations_state_tenant_create_time_uid": ["state", "tenant", "create_time", "uid"],
    "ix_operations_tenant_start_time": ["tenant", "start_time"],
    "ix_operations_state_deadline": ["state", "deadline"],
    "ix_operations_state_not_before": ["state", "not_before"],
}


def upgrade() -> None:
    """Creates them; the first takes the place of one that is shorter."""
    for name, columns in INDEXES.items():
        op.create_index(name, "operations", columns)
    op.drop_index("ix_operations_tenant_state", "operations")


def downgrade() -> None:
    """Drops them."""
    op.create_index("ix_operations_tenant_state", "operations", ["tenant", "state"])
    for name in INDEXES:
        op.drop_index(name, "operations")
