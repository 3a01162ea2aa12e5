"""Room for the names of a gateway's processes, by which they lead."""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Widens the column."""
    with op.batch_alter_table("leadership") as table:
        table.alter_column("holder", type_=sa.String(64), existing_nullable=False)


def downgrade() -> None:
    """Narrows it; a leader whose name is too long resigns."""
    leadership = sa.table("leadership", sa.column("holder", sa.String))
    too_long = sa.func.length(leadership.c.holder) > 36
    op.execute(sa.update(leadership).where(too_long).values(holder=""))
    with op.batch_alter_table("leadership") as table:
        table.alter_column("holder", type_=sa.String(36), existing_nullable=False)
