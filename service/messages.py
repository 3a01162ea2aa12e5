"""From records to the API's messages."""

from google.longrunning import operations_pb2
from google.protobuf.timestamp_pb2 import Timestamp
from google.rpc import error_details_pb2, status_pb2

from likeness.v1 import identity_service_pb2 as pb
from service.errors import DOMAIN
from service.names import identity_name, operation_name
from service.store import (
    Consent,
    IdentityRecord,
    IdentityState,
    OperationRecord,
    OperationState,
    Training,
)

_IDENTITY_STATES = {
    IdentityState.TRAINING: pb.Identity.STATE_TRAINING,
    IdentityState.READY: pb.Identity.STATE_READY,
    IdentityState.FAILED: pb.Identity.STATE_FAILED,
    IdentityState.DELETING: pb.Identity.STATE_FAILED,  # seen by who waits while it is deleted
}
_OPERATION_STATES = {
    OperationState.QUEUED: pb.TrainIdentityMetadata.STATE_QUEUED,
    OperationState.RUNNING: pb.TrainIdentityMetadata.STATE_RUNNING,
    OperationState.SUCCEEDED: pb.TrainIdentityMetadata.STATE_SUCCEEDED,
    OperationState.FAILED: pb.TrainIdentityMetadata.STATE_FAILED,
    OperationState.CANCELLED: pb.TrainIdentityMetadata.STATE_CANCELLED,
}


def identity_message(record: IdentityRecord) -> pb.Identity:
    """An identity."""
    return pb.Identity(
        name=identity_name(record.identity_id),
        uid=record.uid,
        state=_IDENTITY_STATES[record.state],
        class_noun=record.class_noun,
        base_model_digest=record.base_model_digest,
        stage_count=record.stage_count,
        token_width=record.token_width,
        artifact_digest=record.artifact_digest,
        create_time=_timestamp(record.create_time),
        ready_time=_timestamp(record.ready_time),
        error=_failure(record),
        etag=record.etag,
    )


def consent_message(consent: Consent | None) -> pb.Consent | None:
    """A consent, if there is one."""
    if consent is None:
        return None
    return pb.Consent(
        given_by=consent.given_by,
        given_time=_timestamp(consent.given_time),
        purpose=consent.purpose,
        recorded_by=consent.recorded_by,
    )


def metadata_message(training: Training) -> pb.TrainIdentityMetadata:
    """The metadata of a training operation."""
    operation = training.operation
    return pb.TrainIdentityMetadata(
        identity=identity_name(training.identity.identity_id),
        state=_OPERATION_STATES[operation.state],
        step=operation.step,
        total_steps=operation.total_steps,
        loss=operation.loss,
        denoising_loss=operation.denoising_loss,
        attention_loss=operation.attention_loss,
        seconds_left=operation.seconds_left,
        attempt=operation.attempt,
        create_time=_timestamp(operation.create_time),
        start_time=_timestamp(operation.start_time),
        end_time=_timestamp(operation.end_time),
        queue_position=training.queue_position,
        estimated_start_time=_timestamp(training.estimated_start),
        preview=training.preview,
    )


def operation_message(training: Training) -> operations_pb2.Operation:
    """A training operation."""
    message = operations_pb2.Operation(
        name=operation_name(training.operation.uid), done=training.operation.state.done
    )
    message.metadata.Pack(metadata_message(training))
    if training.operation.state is OperationState.SUCCEEDED:
        identity = identity_message(training.identity)
        message.response.Pack(pb.TrainIdentityResponse(identity=identity))
    elif (failure := _failure(training.operation)) is not None:
        message.error.CopyFrom(failure)
    return message


def watch_message(training: Training) -> pb.WatchTrainingResponse:
    """A message of `WatchTraining`."""
    message = pb.WatchTrainingResponse(
        metadata=metadata_message(training), sequence=training.operation.sequence
    )
    if training.operation.state is OperationState.SUCCEEDED:
        message.identity.CopyFrom(identity_message(training.identity))
    elif (failure := _failure(training.operation)) is not None:
        message.error.CopyFrom(failure)
    return message


def _failure(record: IdentityRecord | OperationRecord) -> status_pb2.Status | None:
    if record.failure_code is None:
        return None
    status = status_pb2.Status(code=record.failure_code, message=record.failure_message)
    info = error_details_pb2.ErrorInfo(reason=record.failure_reason, domain=DOMAIN)
    status.details.add().Pack(info)
    return status


def _timestamp(microseconds: int | None) -> Timestamp | None:
    if microseconds is None:
        return None
    timestamp = Timestamp()
    timestamp.FromMicroseconds(microseconds)
    return timestamp
