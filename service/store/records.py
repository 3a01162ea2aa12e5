"""What the store hands out: rows as plain values. Times are microseconds since 1970, in UTC."""

import hashlib
import time
from dataclasses import dataclass
from enum import StrEnum

SECOND = 1_000_000
DAY = 24 * 3600 * SECOND
"""In microseconds, as all times here."""


class IdentityState(StrEnum):
    """Where an identity is on its way; DELETING is invisible outside."""

    TRAINING = "training"
    READY = "ready"
    FAILED = "failed"
    DELETING = "deleting"


class OperationState(StrEnum):
    """What a training operation is doing."""

    QUEUED = "queued"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"

    @property
    def done(self) -> bool:
        """Whether it has ended."""
        return self not in UNDER_WAY


UNDER_WAY = (OperationState.QUEUED, OperationState.RUNNING)
"""States of operations that have not ended."""


@dataclass(frozen=True)
class Failure:
    """Why a training ended without a result: a gRPC code, a stable reason and a sentence."""

    code: int
    reason: str
    message: str


@dataclass(frozen=True)
class IdentityRecord:
    """A row of ``identities``; attributes are explained in :mod:`service.store.tables`."""

    uid: str
    tenant: str
    identity_id: str
    state: IdentityState
    class_noun: str
    base_model_digest: str
    stage_count: int
    token_width: int
    artifact_key: str
    artifact_digest: str
    create_time: int
    ready_time: int | None
    failure_code: int | None
    failure_reason: str
    failure_message: str

    @property
    def etag(self) -> str:
        """Changes whenever what callers see of it does (AIP-154)."""
        seen = f"{self.uid} {self.state} {self.artifact_digest} {self.failure_reason}"
        return hashlib.sha256(seen.encode()).hexdigest()[:16]


@dataclass(frozen=True)
class OperationRecord:
    """A row of ``operations``; attributes are explained in :mod:`service.store.tables`."""

    uid: str
    identity_uid: str
    state: OperationState
    tenant: str
    request_id: str | None
    payload_digest: str
    image_digest: str
    image_bytes: int
    preset: str
    seed: int
    previews: int
    deadline: int | None
    traceparent: str
    sequence: int
    attempt: int
    failures: int
    not_before: int
    step: int
    total_steps: int
    loss: float
    denoising_loss: float
    attention_loss: float
    seconds_left: float
    create_time: int
    start_time: int | None
    end_time: int | None
    failure_code: int | None
    failure_reason: str
    failure_message: str


@dataclass(frozen=True)
class Training:
    """A training operation with the identity that is being learned.

    Attributes:
        preview: a PNG of what has been learned so far, for those who watch just now.
        queue_position: from 1, while it waits.
        estimated_start: when its turn will presumably come, while it waits and if that is known.
    """

    operation: OperationRecord
    identity: IdentityRecord
    preview: bytes = b""
    queue_position: int = 0
    estimated_start: int | None = None


@dataclass(frozen=True)
class TrainingProgress:
    """How far a training is."""

    step: int
    total_steps: int
    loss: float = 0.0
    denoising_loss: float = 0.0
    attention_loss: float = 0.0
    seconds_left: float = 0.0


def now() -> int:
    """The present time in microseconds since 1970."""
    return time.time_ns() // 1000
