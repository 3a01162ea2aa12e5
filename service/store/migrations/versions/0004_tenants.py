"""A tenant in every row, and what tells tenants apart: keys, limits, and who did what."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

ID = sa.BigInteger().with_variant(sa.Integer, "sqlite")
APPEND_ONLY = "the audit log is append-only"


def upgrade() -> None:
    """Names become unique within a tenant; what was there before is the default tenant's."""
    _identities_of_tenants()
    with op.batch_alter_table("operations") as table:
        table.add_column(
            sa.Column("image_bytes", sa.BigInteger, nullable=False, server_default="0")
        )
        table.drop_constraint("uq_operations_request_id", type_="unique")
        table.create_unique_constraint("uq_operations_tenant_request_id", ["tenant", "request_id"])
    op.create_table(
        "tenants",
        sa.Column("tenant", sa.String(128), nullable=False),
        sa.Column("requests_per_second", sa.Float),
        sa.Column("generations", sa.Integer),
        sa.Column("identities", sa.Integer),
        sa.Column("image_bytes", sa.BigInteger),
        sa.Column("tokens", sa.Float),
        sa.Column("refill_time", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("tenant", name="pk_tenants"),
    )
    op.create_table(
        "generations",
        sa.Column("uid", sa.String(36), nullable=False),
        sa.Column("tenant", sa.String(128), nullable=False),
        sa.Column("deadline", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("uid", name="pk_generations"),
    )
    op.create_index("ix_generations_tenant", "generations", ["tenant"])
    op.create_table(
        "api_keys",
        sa.Column("key_id", sa.String(16), nullable=False),
        sa.Column("tenant", sa.String(128), nullable=False),
        sa.Column("digest", sa.String(80), nullable=False),
        sa.Column("create_time", sa.BigInteger, nullable=False),
        sa.Column("expire_time", sa.BigInteger),
        sa.Column("revoke_time", sa.BigInteger),
        sa.PrimaryKeyConstraint("key_id", name="pk_api_keys"),
    )
    op.create_table(
        "audit",
        sa.Column("number", ID, nullable=False, autoincrement=True),
        sa.Column("time", sa.BigInteger, nullable=False),
        sa.Column("tenant", sa.String(128), nullable=False),
        sa.Column("subject", sa.String(256), nullable=False),
        sa.Column("action", sa.String(64), nullable=False),
        sa.Column("identity_uid", sa.String(36), nullable=False),
        sa.Column("outcome", sa.String(32), nullable=False),
        sa.Column("reason", sa.String(64), nullable=False),
        sa.PrimaryKeyConstraint("number", name="pk_audit"),
    )
    op.create_index("ix_audit_identity_uid", "audit", ["identity_uid"])
    _append_only()


def downgrade() -> None:
    """Drops them; fails if two tenants gave the same name."""
    if op.get_bind().dialect.name == "postgresql":
        op.execute("DROP FUNCTION refuse_change CASCADE")
    for name in ("audit", "api_keys", "generations", "tenants"):
        op.drop_table(name)
    with op.batch_alter_table("operations") as table:
        table.drop_constraint("uq_operations_tenant_request_id", type_="unique")
        table.create_unique_constraint("uq_operations_request_id", ["request_id"])
        table.drop_column("image_bytes")
    _identities_without_tenants()


def _identities_of_tenants() -> None:
    kept = _keep_operations()
    with op.batch_alter_table("identities") as table:
        table.add_column(
            sa.Column("tenant", sa.String(128), nullable=False, server_default="default")
        )
        table.drop_constraint("uq_identities_identity_id", type_="unique")
        table.create_unique_constraint(
            "uq_identities_tenant_identity_id", ["tenant", "identity_id"]
        )
    _restore_operations(kept)
    op.create_index(
        "ix_identities_tenant_create_time_uid", "identities", ["tenant", "create_time", "uid"]
    )
    op.drop_index("ix_identities_create_time_uid", "identities")


def _identities_without_tenants() -> None:
    op.create_index("ix_identities_create_time_uid", "identities", ["create_time", "uid"])
    op.drop_index("ix_identities_tenant_create_time_uid", "identities")
    kept = _keep_operations()
    with op.batch_alter_table("identities") as table:
        table.drop_constraint("uq_identities_tenant_identity_id", type_="unique")
        table.create_unique_constraint("uq_identities_identity_id", ["identity_id"])
        table.drop_column("tenant")
    _restore_operations(kept)


def _keep_operations() -> bool:
    """SQLite changes a table by dropping the old one, which takes all rows that refer to it."""
    if op.get_bind().dialect.name != "sqlite":
        return False
    op.execute("CREATE TEMPORARY TABLE kept AS SELECT * FROM operations")
    return True


def _restore_operations(kept: bool) -> None:
    if kept:
        op.execute("INSERT INTO operations SELECT * FROM kept")
        op.execute("DROP TABLE kept")


def _append_only() -> None:
    if op.get_bind().dialect.name == "sqlite":
        for change in ("UPDATE", "DELETE"):
            op.execute(
                f"CREATE TRIGGER audit_no_{change.lower()} BEFORE {change} ON audit "
                f"BEGIN SELECT RAISE(ABORT, '{APPEND_ONLY}'); END"
            )
        return
    op.execute(
        "CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS "
        f"$$ BEGIN RAISE EXCEPTION '{APPEND_ONLY}'; END $$"
    )
    op.execute(
        "CREATE TRIGGER audit_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON audit "
        "FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()"
    )
