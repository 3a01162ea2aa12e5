"""What it takes to run a training, whoever runs it."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Protocol

from service.store import TrainingProgress

Report = Callable[[TrainingProgress], Awaitable[None]]


@dataclass(frozen=True)
class Job:
    """A training to run.

    Attributes:
        uid: the operation's.
        image: the source image as it was sent.
        class_noun, preset, seed: as the trainer takes them.
    """

    uid: str
    image: bytes
    class_noun: str
    preset: str
    seed: int


class InputRefusedError(Exception):
    """The trainer finds the input at fault; no retry can help.

    Args:
        reason: the trainer's constant, such as ``INVALID_IMAGE``.
        message: a sentence for the caller.
    """

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason, self.message = reason, message


class AttemptFailedError(Exception):
    """The trainer ended without a result; another attempt goes on from its last checkpoint.

    Args:
        message: a sentence for the caller.
    """

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


class WorkerBusyError(Exception):
    """The previous attempt's process has not gone yet; this one did not begin."""


class JobBackend(Protocol):
    """Runs trainings. It keeps checkpoints by the job's uid and knows nothing of the store."""

    async def train(self, job: Job, report: Report) -> bytes:
        """Runs a job to its end, from its last checkpoint if there is one.

        Cancelling the call ends the work promptly; when it has returned nothing runs any more.

        Returns:
            The artifact's bytes.

        Raises:
            InputRefusedError, AttemptFailedError, WorkerBusyError: see there.
        """

    async def forget(self, uid: str) -> None:
        """Erases everything that is kept of a job, if anything is."""

    async def kept(self) -> list[str]:
        """Uids of the jobs of which something is kept."""
