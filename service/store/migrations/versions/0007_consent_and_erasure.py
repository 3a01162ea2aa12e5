"""On whose word an identity is learned, and what is left of one that was erased."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Creates the tables."""
    op.create_table(
        "consents",
        sa.Column("identity_uid", sa.String(36), nullable=False),
        sa.Column("given_by", sa.String(128), nullable=False),
        sa.Column("given_time", sa.BigInteger, nullable=False),
        sa.Column("purpose", sa.String(256), nullable=False),
        sa.Column("recorded_by", sa.String(256), nullable=False),
        sa.PrimaryKeyConstraint("identity_uid", name="pk_consents"),
        sa.ForeignKeyConstraint(
            ["identity_uid"],
            ["identities.uid"],
            name="fk_consents_identity_uid",
            ondelete="CASCADE",
        ),
    )
    op.create_table(
        "tombstones",
        sa.Column("identity_uid", sa.String(36), nullable=False),
        sa.Column("tenant", sa.String(128), nullable=False),
        sa.Column("create_time", sa.BigInteger, nullable=False),
        sa.Column("erase_time", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("identity_uid", name="pk_tombstones"),
    )


def downgrade() -> None:
    """Drops the tables."""
    op.drop_table("tombstones")
    op.drop_table("consents")
