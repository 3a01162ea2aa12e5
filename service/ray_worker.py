"""A worker on a node of a Ray cluster: an actor around one warm trainer.

The node has this package, the trainer and the base model, and reaches the blob store. There the
checkpoints are kept, so whichever node goes on with a job has its last one.
"""

import asyncio
import contextlib
import fcntl
import os
import shutil
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import structlog

from service.backend_local import LocalBackend
from service.blobs import BlobStore, checkpoint_key
from service.errors import UnavailableError
from service.jobs import AttemptFailedError, InputRefusedError, Job, WorkerBusyError
from service.logs import configure_logs
from service.store import TrainingProgress

log = structlog.get_logger()

SCRATCH = "likeness-worker-"


@dataclass(frozen=True)
class Preview:
    """A picture of what is learned so far."""

    png: bytes


@dataclass(frozen=True)
class Learned:
    """The job is done."""

    artifact: bytes


@dataclass(frozen=True)
class Refused:
    """The input is at fault."""

    reason: str
    message: str


@dataclass(frozen=True)
class Failed:
    """The attempt failed."""

    message: str


@dataclass(frozen=True)
class Busy:
    """The attempt could not be made."""


Message: TypeAlias = TrainingProgress | Preview | Learned | Refused | Failed | Busy


class RayWorker:
    """The actor. Outcomes are values, since exceptions lose their type on the way.

    Args:
        command: of the trainer, on this node.
        blobs: URL of the blob store.
    """

    def __init__(self, command: Sequence[str], blobs: str) -> None:
        configure_logs()
        self._scratch = _scratch()
        self._trainer = LocalBackend(self._scratch, command)
        self._blobs = BlobStore(blobs)
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._messages: dict[str, asyncio.Queue[Message]] = {}

    async def train(self, job: Job) -> None:
        """Begins a job; what becomes of it is told by :meth:`messages`."""
        await self.stop(job.uid)
        messages = self._messages[job.uid] = asyncio.Queue()
        self._tasks[job.uid] = asyncio.create_task(self._run(job, messages))

    async def messages(self, uid: str) -> list[Message]:
        """What has happened to a job since the last call; waits for something to happen."""
        queue = self._messages[uid]
        found = [await queue.get()]
        while not queue.empty():
            found.append(queue.get_nowait())
        if not isinstance(found[-1], TrainingProgress | Preview):
            del self._messages[uid], self._tasks[uid]
        return found

    async def stop(self, uid: str) -> None:
        """Returns when nothing of a job runs any more."""
        if (task := self._tasks.pop(uid, None)) is not None:
            del self._messages[uid]
            task.cancel()
            await asyncio.wait([task])

    async def _run(self, job: Job, messages: asyncio.Queue[Message]) -> None:
        keeper = _Keeper(self._blobs, job.uid, self._scratch / job.uid, messages)
        try:
            await keeper.fetch()
            messages.put_nowait(Learned(await self._trainer.train(0, job, keeper)))
        except InputRefusedError as error:
            messages.put_nowait(Refused(error.reason, error.message))
        except AttemptFailedError as error:
            messages.put_nowait(Failed(error.message))
        except (WorkerBusyError, UnavailableError):
            messages.put_nowait(Busy())
        except Exception:
            messages.put_nowait(Failed("the worker could not run the attempt"))
            raise
        finally:
            await keeper.settle()
            await self._trainer.forget(job.uid)


class _Keeper:
    """Passes a job's progress on, and keeps its checkpoint in the blob store."""

    def __init__(
        self, blobs: BlobStore, uid: str, directory: Path, messages: asyncio.Queue[Message]
    ) -> None:
        self._blobs, self._key = blobs, checkpoint_key(uid)
        self._file = directory / "checkpoints" / "checkpoint.pt"
        self._messages = messages
        self._kept: tuple[int, int] | None = None
        self._upload: asyncio.Task[None] | None = None

    async def __call__(self, progress: TrainingProgress) -> None:
        self._messages.put_nowait(progress)
        if self._upload is None or self._upload.done():
            self._upload = asyncio.create_task(self._keep())

    async def preview(self, png: bytes) -> None:
        self._messages.put_nowait(Preview(png))

    async def fetch(self) -> None:
        """Brings the last checkpoint here."""
        if (data := await self._blobs.find(self._key)) is not None:
            self._file.parent.mkdir(parents=True)
            await asyncio.to_thread(self._file.write_bytes, data)
            self._kept = self._version()

    async def settle(self) -> None:
        """Waits for an upload that is under way."""
        if self._upload is not None:
            await asyncio.wait([self._upload])

    async def _keep(self) -> None:
        version = self._version()
        if version is None or version == self._kept:
            return
        with contextlib.suppress(UnavailableError):  # the next checkpoint may have more luck
            await self._blobs.put(self._key, await asyncio.to_thread(self._file.read_bytes))
            self._kept = version

    def _version(self) -> tuple[int, int] | None:
        try:
            status = self._file.stat()
        except FileNotFoundError:
            return None
        return status.st_ino, status.st_mtime_ns


def _scratch() -> Path:
    """A directory of this process's own; those of workers that were killed are erased."""
    for left in Path(tempfile.gettempdir()).glob(f"{SCRATCH}*"):
        with contextlib.suppress(OSError), (left / "lock").open() as lock:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(left)
    scratch = Path(tempfile.mkdtemp(prefix=SCRATCH))
    held = os.open(scratch / "lock", os.O_CREAT | os.O_RDWR)
    fcntl.flock(held, fcntl.LOCK_EX)  # until this process is gone
    return scratch
