"""What a command tells its caller; people and programs are told in different ways."""

from pathlib import Path
from typing import Protocol

from client.errors import LikenessError
from client.training import Training, TrainingUpdate
from likeness.v1 import generation_service_pb2 as generation_pb
from likeness.v1 import identity_service_pb2 as pb
from likeness.v1.provenance_service_pb2 import VerifyImageResponse


class Output(Protocol):
    """Where the events of a command go."""

    def training_started(self, operation: str) -> None:
        """The service has taken a training over, or one is watched."""

    def training_progress(self, update: TrainingUpdate) -> None:
        """A training went on."""

    def preview_saved(self, path: Path) -> None:
        """A picture of a training on its way was written."""

    def training_finished(self, identity: pb.Identity) -> None:
        """A training ended well."""

    def generation_progress(self, progress: generation_pb.GenerationProgress) -> None:
        """A denoising step was done."""

    def picture_saved(self, path: Path, picture: generation_pb.GeneratedImage) -> None:
        """A picture was written."""

    def picture_filtered(self, picture: generation_pb.GeneratedImage) -> None:
        """A picture is held back by the service's safety checker."""

    def identities(self, identities: list[pb.Identity]) -> None:
        """The identities that there are."""

    def exported(self, identity: pb.Identity, path: Path) -> None:
        """An identity's artifact was written."""

    def verified(self, answer: VerifyImageResponse) -> None:
        """What is known of a picture."""

    def trainings(self, trainings: list[Training]) -> None:
        """The trainings that there are."""

    def done(self, event: str, name: str) -> None:
        """Something was done to a resource, such as `deleted`."""

    def interrupted(self, hint: str, operation: str | None) -> None:
        """The user stopped the command; a training, if there is one, goes on."""

    def failed(self, error: LikenessError | OSError, hint: str = "") -> None:
        """The command ends with an error."""

    def close(self) -> None:
        """Takes down what moves on the screen."""
