"""Who dispatches, and one heartbeat for all gateways."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Creates the table and the rows that are only updated from now on."""
    leadership = op.create_table(
        "leadership",
        sa.Column("name", sa.String(32), nullable=False),
        sa.Column("holder", sa.String(36), nullable=False),
        sa.Column("term", sa.BigInteger, nullable=False),
        sa.Column("beat", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_leadership"),
    )
    op.bulk_insert(leadership, [{"name": "dispatcher", "holder": "", "term": 0, "beat": 0}])
    heartbeats = sa.table(
        "heartbeats", sa.column("name", sa.String), sa.column("time", sa.BigInteger)
    )
    op.execute(sa.delete(heartbeats))
    op.bulk_insert(heartbeats, [{"name": "gateway", "time": 0}])


def downgrade() -> None:
    """Drops the table."""
    op.drop_table("leadership")
