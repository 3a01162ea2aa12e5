"""How often an operation has changed, so that who watches it can go on where a call broke off."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Adds the column; counting begins now."""
    with op.batch_alter_table("operations") as table:
        table.add_column(sa.Column("sequence", sa.BigInteger, nullable=False, server_default="1"))


def downgrade() -> None:
    """Drops it."""
    with op.batch_alter_table("operations") as table:
        table.drop_column("sequence")
