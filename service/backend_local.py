"""Runs trainings in warm subprocesses of this machine, one for each worker.

A job's directory holds the image, its checkpoint and the artifact. All processes of a gateway see
it, and any of them may erase it, but none while a trainer works there.
"""

import asyncio
import fcntl
import shutil
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

from service.jobs import Job, Report
from service.settings import JobSettings
from service.worker_process import WorkerGoneError, WorkerProcess

LEAVE_SECONDS, LOOK_SECONDS = 3.0, 0.1
"""How long and how often a job's directory is waited for. The process that leads sees within half a
second what was cancelled elsewhere, stops it within two, and erases the directory in any case.
"""


class LocalBackend:
    """Subprocesses on this machine; see :class:`service.jobs.JobBackend`.

    Args:
        work_dir: one directory per job below it.
        command: of a worker, complete.
    """

    def __init__(self, work_dir: Path, command: Sequence[str]) -> None:
        self._work_dir, self._command = work_dir, command
        self._workers: dict[int, WorkerProcess] = {}
        self._starting: defaultdict[int, asyncio.Lock] = defaultdict(asyncio.Lock)

    async def train(self, worker: int, job: Job, report: Report) -> bytes:
        while True:
            process = await self._running(worker)
            try:
                return await process.train(job, self._work_dir / job.uid, report)
            except WorkerGoneError:  # it had just left, as idle workers do
                continue

    async def forget(self, uid: str) -> None:
        for _ in range(round(LEAVE_SECONDS / LOOK_SECONDS)):
            if await asyncio.to_thread(_erase, self._work_dir / uid):
                return
            await asyncio.sleep(LOOK_SECONDS)

    async def kept(self) -> list[str]:
        def names() -> list[str]:
            return [entry.name for entry in self._work_dir.iterdir() if entry.is_dir()]

        return await asyncio.to_thread(names)

    async def close(self) -> None:
        for process in self._workers.values():
            await process.kill()

    async def _running(self, worker: int) -> WorkerProcess:
        async with self._starting[worker]:
            process = self._workers.get(worker)
            if process is None or process.gone:
                process = self._workers[worker] = await WorkerProcess.start(self._command)
            return process


def _erase(directory: Path) -> bool:
    """Erases a job's directory, unless a trainer works there; whether it is gone."""
    try:
        with (directory / "checkpoints" / "lock").open() as lock:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:  # no trainer has been there
        pass
    shutil.rmtree(directory, ignore_errors=True)
    return True


def worker_command(settings: JobSettings, base_model: str) -> list[str]:
    """The command of a worker."""
    return [
        *settings.trainer,
        *("--base-model", base_model),
        *("--idle-seconds", str(settings.idle_seconds)),
        *("--memory-limit", str(settings.memory_limit)),
    ]
