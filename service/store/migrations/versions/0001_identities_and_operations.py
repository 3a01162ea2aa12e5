"""Identities, operations and the heartbeat that proves writes."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Creates the tables."""
    op.create_table(
        "identities",
        sa.Column("uid", sa.String(36), nullable=False),
        sa.Column("identity_id", sa.String(63), nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("class_noun", sa.String(32), nullable=False),
        sa.Column("base_model_digest", sa.String(80), nullable=False),
        sa.Column("stage_count", sa.Integer, nullable=False),
        sa.Column("token_width", sa.Integer, nullable=False),
        sa.Column("artifact_key", sa.String(128), nullable=False),
        sa.Column("artifact_digest", sa.String(80), nullable=False),
        sa.Column("create_time", sa.BigInteger, nullable=False),
        sa.Column("ready_time", sa.BigInteger),
        sa.Column("failure_code", sa.Integer),
        sa.Column("failure_reason", sa.String(64), nullable=False),
        sa.Column("failure_message", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("uid", name="pk_identities"),
        sa.UniqueConstraint("identity_id", name="uq_identities_identity_id"),
    )
    op.create_index("ix_identities_state", "identities", ["state"])
    op.create_index("ix_identities_create_time_uid", "identities", ["create_time", "uid"])
    op.create_table(
        "operations",
        sa.Column("uid", sa.String(36), nullable=False),
        sa.Column("identity_uid", sa.String(36), nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("request_id", sa.String(36)),
        sa.Column("payload_digest", sa.String(80), nullable=False),
        sa.Column("image_digest", sa.String(80), nullable=False),
        sa.Column("preset", sa.String(32), nullable=False),
        sa.Column("seed", sa.BigInteger, nullable=False),
        sa.Column("attempt", sa.Integer, nullable=False),
        sa.Column("failures", sa.Integer, nullable=False),
        sa.Column("not_before", sa.BigInteger, nullable=False),
        sa.Column("step", sa.Integer, nullable=False),
        sa.Column("total_steps", sa.Integer, nullable=False),
        sa.Column("loss", sa.Float, nullable=False),
        sa.Column("denoising_loss", sa.Float, nullable=False),
        sa.Column("attention_loss", sa.Float, nullable=False),
        sa.Column("seconds_left", sa.Float, nullable=False),
        sa.Column("create_time", sa.BigInteger, nullable=False),
        sa.Column("start_time", sa.BigInteger),
        sa.Column("end_time", sa.BigInteger),
        sa.Column("failure_code", sa.Integer),
        sa.Column("failure_reason", sa.String(64), nullable=False),
        sa.Column("failure_message", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("uid", name="pk_operations"),
        sa.UniqueConstraint("request_id", name="uq_operations_request_id"),
        sa.ForeignKeyConstraint(
            ["identity_uid"],
            ["identities.uid"],
            name="fk_operations_identity_uid",
            ondelete="CASCADE",
        ),
    )
    op.create_index("ix_operations_identity_uid", "operations", ["identity_uid"])
    op.create_index("ix_operations_state_create_time", "operations", ["state", "create_time"])
    op.create_index("ix_operations_create_time_uid", "operations", ["create_time", "uid"])
    op.create_table(
        "heartbeats",
        sa.Column("name", sa.String(32), nullable=False),
        sa.Column("time", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_heartbeats"),
    )


def downgrade() -> None:
    """Drops the tables."""
    op.drop_table("heartbeats")
    op.drop_table("operations")
    op.drop_table("identities")
