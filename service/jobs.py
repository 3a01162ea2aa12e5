"""What it takes to run trainings, whoever runs them.

The dispatcher has a fixed number of workers and gives each a group: jobs of one preset, which the
worker trains together in one batch. Jobs join and leave a group one by one; a worker without jobs
is idle, and keeps its model loaded for a while.
"""

from dataclasses import dataclass
from typing import Protocol

from service.store import TrainingProgress


class Report(Protocol):
    """Where a job's progress goes."""

    async def __call__(self, progress: TrainingProgress) -> None:
        """Takes it; raises if the job is wanted no more, which ends it."""

    async def preview(self, png: bytes) -> None:
        """Takes a small picture of what has been learned so far."""


@dataclass(frozen=True)
class Job:
    """A training to run.

    Attributes:
        uid: the operation's.
        attempt: counts from 1; a later one supersedes all before.
        image: the source image as it was sent.
        class_noun, preset, seed, previews: as the trainer takes them.
        traceparent: of the attempt, if it is traced.
    """

    uid: str
    attempt: int
    image: bytes
    class_noun: str
    preset: str
    seed: int
    previews: int = 0
    traceparent: str = ""


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
    """The job could not be run, and is not to blame.

    Perhaps the previous attempt's process has not gone yet, or the worker had to be killed for the
    sake of another job.
    """


class JobBackend(Protocol):
    """Runs trainings. It keeps checkpoints by the job's uid and knows nothing of the store."""

    async def train(self, worker: int, job: Job, report: Report) -> bytes:
        """Runs a job to its end, from its last checkpoint if there is one.

        Cancelling the call ends the job promptly, and no other of its group; when it has returned
        nothing of the job runs any more. What a lost worker had in hand fails as a whole.

        Args:
            worker: number of the worker, whose other jobs are those of the calls under way with
                the same number, all of one preset. It is started if it does not run.
            job: what to learn.
            report: told of its progress.

        Returns:
            The artifact's bytes.

        Raises:
            InputRefusedError, AttemptFailedError, WorkerBusyError: see there.
        """

    async def forget(self, uid: str) -> None:
        """Erases everything that is kept of a job, if anything is."""

    async def kept(self) -> list[str]:
        """Uids of the jobs of which something is kept."""

    async def close(self) -> None:
        """Ends all workers; nothing of them runs any more."""
