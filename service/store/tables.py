"""The tables. Changes need a migration (`migrations/versions`); a test compares both."""

from enum import StrEnum

from sqlalchemy import (
    BigInteger,
    Column,
    Enum,
    Float,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
    text,
)

from service.store.records import IdentityState, OperationState

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)


def _state(values: type[StrEnum]) -> Enum:
    return Enum(
        values,
        native_enum=False,
        create_constraint=False,
        length=16,
        values_callable=lambda members: [member.value for member in members],
    )


def _failure() -> list[Column[str] | Column[int]]:
    return [
        Column("failure_code", Integer),
        Column("failure_reason", String(64), nullable=False, default=""),
        Column("failure_message", Text, nullable=False, default=""),
    ]


identities = Table(
    "identities",
    metadata,
    Column("uid", String(36), primary_key=True),  # UUID4, never reused
    Column("tenant", String(128), nullable=False),  # whose it is
    Column("identity_id", String(63), nullable=False),  # the caller's name for it
    Column("state", _state(IdentityState), nullable=False, index=True),
    Column("class_noun", String(32), nullable=False),
    Column("base_model_digest", String(80), nullable=False, default=""),
    Column("stage_count", Integer, nullable=False, default=0),
    Column("token_width", Integer, nullable=False, default=0),
    Column("artifact_key", String(128), nullable=False, default=""),  # the blob
    Column("artifact_digest", String(80), nullable=False, default=""),
    Column("create_time", BigInteger, nullable=False),
    Column("ready_time", BigInteger),
    *_failure(),
    UniqueConstraint("tenant", "identity_id"),
    Index(None, "tenant", "create_time", "uid"),
)

consents = Table(
    "consents",
    metadata,
    Column("identity_uid", ForeignKey("identities.uid", ondelete="CASCADE"), primary_key=True),
    Column("given_by", String(128), nullable=False),  # who consented
    Column("given_time", BigInteger, nullable=False),  # when
    Column("purpose", String(256), nullable=False),  # to what
    Column("recorded_by", String(256), nullable=False),  # the caller
)

tombstones = Table(  # of identities that were erased: nothing that says whom they showed
    "tombstones",
    metadata,
    Column("identity_uid", String(36), primary_key=True),
    Column("tenant", String(128), nullable=False),
    Column("create_time", BigInteger, nullable=False),
    Column("erase_time", BigInteger, nullable=False),
)

operations = Table(
    "operations",
    metadata,
    Column("uid", String(36), primary_key=True),
    Column(
        "identity_uid",
        ForeignKey("identities.uid", ondelete="CASCADE"),
        nullable=False,
        index=True,
    ),
    Column("state", _state(OperationState), nullable=False),
    Column("tenant", String(128), nullable=False),  # whose it is
    Column("request_id", String(36)),  # the caller's, for idempotency
    Column("payload_digest", String(80), nullable=False),  # of the request that made the operation
    Column("image_digest", String(80), nullable=False),
    Column("image_bytes", BigInteger, nullable=False, default=0),  # of the stored image
    Column("preset", String(32), nullable=False),
    Column("seed", BigInteger, nullable=False),
    Column("previews", Integer, nullable=False),  # pictures to show on the way
    Column("deadline", BigInteger),  # it fails unless it is done by then
    Column("traceparent", String(55), nullable=False, default=""),  # of the call that asked for it
    Column(  # counts changes
        "sequence", BigInteger, nullable=False, default=1, onupdate=text("sequence + 1")
    ),
    Column("attempt", Integer, nullable=False, default=0),  # counts claims; only its holder writes
    Column(
        "failures", Integer, nullable=False, default=0
    ),  # attempts that were the trainer's fault
    Column("not_before", BigInteger, nullable=False, default=0),  # earliest next attempt
    Column("step", Integer, nullable=False, default=0),
    Column("total_steps", Integer, nullable=False, default=0),
    Column("loss", Float, nullable=False, default=0.0),
    Column("denoising_loss", Float, nullable=False, default=0.0),
    Column("attention_loss", Float, nullable=False, default=0.0),
    Column("seconds_left", Float, nullable=False, default=0.0),
    Column("create_time", BigInteger, nullable=False),
    Column("start_time", BigInteger),
    Column("end_time", BigInteger),
    *_failure(),
    UniqueConstraint("tenant", "request_id"),
    Index(None, "state", "create_time"),
    Index(None, "state", "tenant", "create_time", "uid"),  # the queue of each tenant
    Index(None, "tenant", "start_time"),
    Index(None, "state", "deadline"),
    Index(None, "state", "not_before"),
    Index(None, "create_time", "uid"),
)

heartbeats = Table(
    "heartbeats",
    metadata,
    Column("name", String(32), primary_key=True),  # who wrote
    Column("time", BigInteger, nullable=False),  # when
)

leadership = Table(
    "leadership",
    metadata,
    Column("name", String(32), primary_key=True),  # of the only row
    Column("holder", String(64), nullable=False),  # the process that leads; empty: none
    Column("term", BigInteger, nullable=False),  # counts leaders
    Column("beat", BigInteger, nullable=False),  # counts the leader's signs of life
    Column("drain_time", BigInteger),  # since when no training is started; null: they are
)

tenants = Table(
    "tenants",
    metadata,
    Column("tenant", String(128), primary_key=True),
    Column("requests_per_second", Float),  # limits; null: the settings' default holds
    Column("generations", Integer),
    Column("identities", Integer),
    Column("image_bytes", BigInteger),
    Column("tokens", Float),  # requests that it may make at once; null: as many as ever
    Column("refill_time", BigInteger, nullable=False, default=0),  # when there were so many
)

generations = Table(
    "generations",
    metadata,
    Column("uid", String(36), primary_key=True),
    Column("tenant", String(128), nullable=False, index=True),
    Column("deadline", BigInteger, nullable=False),  # it is over by then, whatever happened
)

api_keys = Table(
    "api_keys",
    metadata,
    Column("key_id", String(16), primary_key=True),  # the part of a key that is no secret
    Column("tenant", String(128), nullable=False),
    Column("digest", String(80), nullable=False),  # of the secret
    Column("create_time", BigInteger, nullable=False),
    Column("expire_time", BigInteger),
    Column("revoke_time", BigInteger),
)

audit = Table(
    "audit",
    metadata,
    Column("number", BigInteger().with_variant(Integer, "sqlite"), primary_key=True),
    Column("time", BigInteger, nullable=False),
    Column("tenant", String(128), nullable=False),
    Column("subject", String(256), nullable=False),  # who within the tenant
    Column("action", String(64), nullable=False),  # the RPC
    Column("identity_uid", String(36), nullable=False, index=True),  # empty: none was found
    Column("outcome", String(32), nullable=False),  # gRPC status
    Column("reason", String(64), nullable=False),
    Column("proof", String(16), nullable=False, default=""),  # how the subject was recognised
    Column("operation_uid", String(36), nullable=False, default="", index=True),
)
