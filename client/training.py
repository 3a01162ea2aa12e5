"""A training as the service tells it: the operation, and what happens in it."""

import uuid
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import TypedDict

from google.longrunning import operations_pb2

from client.consent import Consent
from client.errors import LikenessError
from client.uploads import MAX_IMAGE_BYTES, upload
from likeness.v1 import identity_service_pb2 as pb


class Lesson(TypedDict, total=False):
    """How to learn an identity. The service chooses whatever is left out.

    Attributes:
        class_noun: what the identity is, such as `person`.
        preset: `default` or `paper`.
        seed: the same image, preset and seed give the same identity.
        request_id: UUID4; a second call with the same one returns the first training.
        preview_count: small pictures on the way, in `metadata.preview` of the updates.
        timeout: seconds from the request, after which the training fails unless it is done.
        consent: of the person in the image; the service may ask for it.
    """

    class_noun: str
    preset: str
    seed: int
    request_id: str
    preview_count: int
    timeout: float
    consent: Consent | None


def train_request(
    image: bytes | str | Path, identity_id: str, lesson: Lesson
) -> pb.TrainIdentityRequest:
    """The message; reads the image if it is a file's path.

    Raises:
        LikenessError: the image is larger than the service takes.
        OSError: the file can't be read.
    """
    request = pb.TrainIdentityRequest(
        identity_id=identity_id,
        image=upload("image", image, MAX_IMAGE_BYTES),
        class_noun=lesson.get("class_noun", ""),
        preset=lesson.get("preset", ""),
        seed=lesson.get("seed", 0),
        request_id=lesson.get("request_id") or str(uuid.uuid4()),
        preview_count=lesson.get("preview_count", 0),
    )
    if (timeout := lesson.get("timeout")) is not None:
        request.timeout.FromTimedelta(timedelta(seconds=timeout))
    if (consent := lesson.get("consent")) is not None:
        request.consent.CopyFrom(consent.message())
    return request


@dataclass(frozen=True)
class TrainingUpdate:
    """One step on the way from image to identity.

    Attributes:
        operation: name of the training, `operations/{operation}`.
        metadata: state, steps, losses and the time left.
        identity: the learned identity; in the last update only.
    """

    operation: str
    metadata: pb.TrainIdentityMetadata
    identity: pb.Identity | None = None


@dataclass(frozen=True)
class Training:
    """A training operation at one moment.

    Attributes:
        name: `operations/{operation}`.
        done: whether it has ended.
        metadata: state, steps, losses and the time left.
        identity: the learned identity, when it has ended well.
        error: why it failed or was cancelled.
    """

    name: str
    done: bool
    metadata: pb.TrainIdentityMetadata
    identity: pb.Identity | None
    error: LikenessError | None

    @classmethod
    def from_operation(cls, operation: operations_pb2.Operation) -> "Training":
        """Reads a long-running operation of `TrainIdentity`."""
        metadata, response = pb.TrainIdentityMetadata(), pb.TrainIdentityResponse()
        operation.metadata.Unpack(metadata)
        failed = operation.HasField("error")
        ended_well = operation.HasField("response") and operation.response.Unpack(response)
        return cls(
            name=operation.name,
            done=operation.done,
            metadata=metadata,
            identity=response.identity if ended_well else None,
            error=LikenessError.from_status(operation.error) if failed else None,
        )
