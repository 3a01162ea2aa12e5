"""A job ends while its trainer loads, or works for another process of the gateway."""

import asyncio
import json
import os
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from identity import Identity
from service.backend_local import LocalBackend
from service.jobs import Job, WorkerBusyError
from service.store import TrainingProgress
from service.worker_process import STOP_SECONDS, WorkerProcess
from tests.service.gateway import scripted
from trainer.process import DirectoryLock


class Unheard:
    """A report that nobody reads."""

    async def __call__(self, progress: TrainingProgress) -> None:
        pass

    async def preview(self, png: bytes) -> None:
        pass


@dataclass
class Loading:
    """A trainer that loads until :meth:`ready`, and its jobs' directories."""

    process: WorkerProcess
    folder: Path

    async def train(self, uid: str) -> asyncio.Task[bytes]:
        """Gives it a job; returns when it has it."""
        job = Job(uid, 1, b"an image", "person", "default", 0)
        task = asyncio.create_task(self.process.train(job, self.folder / uid, Unheard()))
        while True:
            if uid in self.process._events:
                return task
            await asyncio.sleep(0)

    def ready(self) -> None:
        os.close(os.open(self.folder / "loads", os.O_WRONLY))


@pytest.fixture
async def loading(tmp_path: Path) -> AsyncIterator[Loading]:
    os.mkfifo(tmp_path / "loads")
    command = json.loads(scripted("succeed")["JOBS__TRAINER"])
    command += ["--loads", str(tmp_path / "loads"), "--base-model", "none"]
    process = await WorkerProcess.start([*command, "--idle-seconds", "9", "--memory-limit", "9"])
    yield Loading(process, tmp_path)
    await process.kill()


async def cancel(task: asyncio.Task[bytes]) -> None:
    task.cancel()
    await asyncio.wait([task])
    assert task.cancelled()


async def test_a_job_that_is_cancelled_leaves_the_others_their_worker(loading: Loading) -> None:
    unwanted, wanted = await loading.train("unwanted"), await loading.train("wanted")
    await cancel(unwanted)
    assert not loading.process.gone
    loading.ready()
    assert Identity.from_bytes(await wanted)


async def test_with_its_only_job_the_worker_ends(loading: Loading) -> None:
    await cancel(await loading.train("unwanted"))
    assert loading.process.gone


class Overtaken(Unheard):
    """A report that is wanted no more, of a job that is cancelled at the same time."""

    async def __call__(self, progress: TrainingProgress) -> None:
        task = asyncio.current_task()
        assert task is not None
        task.cancel()
        raise RuntimeError


async def test_a_job_that_is_stopped_for_two_reasons_leaves_the_others_their_worker(
    tmp_path: Path,
) -> None:
    command = json.loads(scripted("stall")["JOBS__TRAINER"])
    command += ["--base-model", "none", "--idle-seconds", "9", "--memory-limit", "9"]
    process = await WorkerProcess.start(command)
    unwanted, wanted = (Job(uid, 1, b"an image", "person", "default", 0) for uid in ("a", "b"))
    other = asyncio.create_task(process.train(wanted, tmp_path / "b", Unheard()))
    task = asyncio.create_task(process.train(unwanted, tmp_path / "a", Overtaken()))
    await asyncio.wait([task])
    assert task.cancelled()
    ended, _ = await asyncio.wait([other], timeout=STOP_SECONDS + 0.5)
    assert not ended
    await process.kill()
    with pytest.raises(WorkerBusyError):
        await other


async def test_a_directory_is_erased_as_soon_as_no_trainer_works_there(tmp_path: Path) -> None:
    trainer = DirectoryLock(tmp_path / "job" / "checkpoints")
    forgetting = asyncio.create_task(LocalBackend(tmp_path, []).forget("job"))
    done, _ = await asyncio.wait([forgetting], timeout=0.3)
    assert not done
    assert (tmp_path / "job" / "checkpoints").exists()
    trainer.release()
    await forgetting
    assert not (tmp_path / "job").exists()
