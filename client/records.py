"""What the service tells, as plain records for JSON lines and tables."""

from datetime import UTC
from typing import Any

from google.protobuf.timestamp_pb2 import Timestamp

from client.errors import LikenessError
from client.training import Training
from likeness.v1 import generation_service_pb2 as generation_pb
from likeness.v1 import identity_service_pb2 as pb
from likeness.v1 import provenance_service_pb2 as provenance_pb

Record = dict[str, Any]


def identity_record(identity: pb.Identity) -> Record:
    """An identity; parts that are not known yet are left out."""
    return _known(
        name=identity.name,
        uid=identity.uid,
        state=_name(pb.Identity.State, identity.state),
        class_noun=identity.class_noun,
        base_model_digest=identity.base_model_digest,
        stage_count=identity.stage_count,
        token_width=identity.token_width,
        artifact_digest=identity.artifact_digest,
        create_time=_time(identity, "create_time"),
        ready_time=_time(identity, "ready_time"),
        error=(
            error_record(LikenessError.from_status(identity.error))
            if identity.HasField("error")
            else None
        ),
    )


def progress_record(metadata: pb.TrainIdentityMetadata) -> Record:
    """Progress of a training; numbers appear once it has started."""
    record = _known(
        identity=metadata.identity,
        state=_name(pb.TrainIdentityMetadata.State, metadata.state),
        attempt=metadata.attempt,
        queue_position=metadata.queue_position,
        estimated_start_time=_time(metadata, "estimated_start_time"),
        create_time=_time(metadata, "create_time"),
        start_time=_time(metadata, "start_time"),
        end_time=_time(metadata, "end_time"),
    )
    if metadata.total_steps:
        record |= {
            "step": metadata.step,
            "total_steps": metadata.total_steps,
            "loss": _short(metadata.loss),
            "denoising_loss": _short(metadata.denoising_loss),
            "attention_loss": _short(metadata.attention_loss),
            "seconds_left": _short(metadata.seconds_left),
        }
    return record


def picture_record(picture: generation_pb.GeneratedImage) -> Record:
    """A picture, but for its bytes."""
    return {
        "index": picture.index,
        "prompt_index": picture.prompt_index,
        "seed": picture.seed,
        "width": picture.width,
        "height": picture.height,
    }


def verification_record(answer: provenance_pb.VerifyImageResponse) -> Record:
    """What is known of a picture; what its file does not say is left out."""
    found = answer.content_credentials
    return {
        "ours": answer.ours,
        "watermark": {
            "detected": answer.watermark.detected,
            "score": _short(answer.watermark.score),
        },
        "content_credentials": _known(
            state=_name(provenance_pb.ContentCredentials.State, found.state),
            issuer=found.issuer,
            machine_made=found.machine_made,
        ),
    }


def training_record(training: Training) -> Record:
    """A training operation."""
    record = {"operation": training.name, "done": training.done}
    record |= progress_record(training.metadata)
    if training.error is not None:
        record["error"] = error_record(training.error)
    return record


def error_record(error: LikenessError | OSError) -> Record:
    """An error, with the fields at fault if the service named some."""
    if isinstance(error, OSError):
        return {"code": "LOCAL_FILE", "message": str(error)}
    return _known(
        code=error.code.name,
        message=error.message,
        violations=[
            {"field": violation.field, "description": violation.description}
            for violation in error.violations
        ],
        reason=error.reason,
        metadata=dict(error.metadata),
        retry_after_seconds=error.retry_after_seconds,
    )


def _known(**values: Any) -> Record:
    return {key: value for key, value in values.items() if value not in (None, "", 0, [], {})}


def _name(enum: Any, value: int) -> str:
    """`READY` for `STATE_READY`."""
    name: str = enum.Name(value)
    return name.removeprefix("STATE_")


def _time(message: Any, field: str) -> str | None:
    """A timestamp as ISO 8601 in UTC, in whole seconds; None if unset."""
    if not message.HasField(field):
        return None
    time: Timestamp = getattr(message, field)
    return time.ToDatetime(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def _short(value: float) -> float:
    """A float32 without the digits that it does not have."""
    return float(f"{value:.6g}")
