"""Runs trainings on a Ray cluster, each worker an actor that holds a warm trainer.

This machine is a node of the cluster, perhaps one without CPUs of its own to give. A worker's actor
is placed on any node with room for it. When the gateway is gone its actors go
too; when an actor or its node is lost, its jobs go on elsewhere from the blob store's checkpoints.
"""

import asyncio
import logging
import signal
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import ray
import structlog
from ray.exceptions import RayActorError, RayError

from service.blobs import CHECKPOINTS, BlobStore, checkpoint_key
from service.errors import UnavailableError
from service.jobs import AttemptFailedError, InputRefusedError, Job, Report, WorkerBusyError
from service.logs import fault
from service.ray_worker import Busy, Failed, Learned, Preview, RayWorker, Refused
from service.settings import JobSettings
from service.store import TrainingProgress

log = structlog.get_logger()

STOP_SECONDS = 1.7
"""How long a worker may take to stop a job; then it is killed."""


@dataclass
class _Worker:
    """An actor.

    Attributes:
        jobs: calls under way that need it.
        killed: by this process.
        leaving: ends it when it was idle for long enough.
    """

    actor: Any
    jobs: int = 0
    killed: bool = False
    leaving: asyncio.Task[None] | None = None


class RayBackend:
    """Actors on a cluster; see :class:`service.jobs.JobBackend`.

    Args:
        settings: the cluster and what a worker takes of it.
        command: of a trainer, on any node.
        blobs: where checkpoints are kept.
        blobs_url: the same, as the nodes reach it.
    """

    def __init__(
        self, settings: JobSettings, command: Sequence[str], blobs: BlobStore, blobs_url: str
    ) -> None:
        self._settings, self._command = settings, list(command)
        self._blobs, self._blobs_url = blobs, blobs_url
        self._workers: dict[int, _Worker] = {}
        self._lock = asyncio.Lock()

    async def train(self, worker: int, job: Job, report: Report) -> bytes:
        taken = await self._worker(worker)
        taken.jobs += 1
        if taken.leaving is not None:
            taken.leaving.cancel()
        try:
            return await self._follow(taken, job, report)
        except RayActorError as error:
            await self._end(taken)
            if taken.killed:
                raise WorkerBusyError from error
            raise AttemptFailedError("the worker was lost") from error
        except (RayError, ConnectionError) as error:
            log.error("ray_failed", **fault(error))
            await self.close()
            raise UnavailableError("the cluster does not answer", "RAY_UNAVAILABLE") from error
        finally:
            taken.jobs -= 1
            if not taken.jobs:
                taken.leaving = asyncio.create_task(self._leave_later(taken))

    async def forget(self, uid: str) -> None:
        await self._blobs.delete(checkpoint_key(uid))

    async def kept(self) -> list[str]:
        return [key.removeprefix(CHECKPOINTS) for key in await self._blobs.list(CHECKPOINTS)]

    async def close(self) -> None:
        for taken in list(self._workers.values()):
            taken.killed = True
        self._workers.clear()
        await asyncio.to_thread(ray.shutdown)  # and with the connection its actors

    async def _worker(self, number: int) -> _Worker:
        """The worker of a number; a new one if it was lost."""
        async with self._lock:
            if number not in self._workers:
                try:
                    actor = await asyncio.to_thread(self._place)
                except (RayError, ConnectionError, RuntimeError) as error:
                    log.error("ray_failed", **fault(error))
                    raise UnavailableError(
                        "the cluster does not answer", "RAY_UNAVAILABLE"
                    ) from error
                for each in (signal.SIGTERM, signal.SIGINT):
                    # Ray's native code has put a handler of its own, which aborts, before ours.
                    signal.signal(each, signal.getsignal(each))
                self._workers[number] = _Worker(actor)
            return self._workers[number]

    def _place(self) -> Any:
        cluster = self._settings.ray
        if not ray.is_initialized():
            ray.init(
                cluster.address,
                namespace=cluster.namespace,
                log_to_driver=False,
                logging_level=logging.ERROR,
            )
            for left in ray.util.list_named_actors(all_namespaces=True):  # by a gateway before
                if left["namespace"] == cluster.namespace:
                    ray.kill(ray.get_actor(left["name"]))
        options = {"num_cpus": cluster.cpus, "num_gpus": cluster.gpus}
        actor = ray.remote(RayWorker).options(name=f"worker-{uuid.uuid4()}", **options)
        return actor.remote(self._command, self._blobs_url)

    async def _follow(self, taken: _Worker, job: Job, report: Report) -> bytes:
        try:
            await _call(taken.actor.train.remote, job)
            while True:
                for message in await _call(taken.actor.messages.remote, job.uid):
                    match message:
                        case TrainingProgress():
                            await report(message)
                        case Preview(png):
                            await report.preview(png)
                        case Learned(artifact):
                            return artifact
                        case Refused(reason, text):
                            raise InputRefusedError(reason, text)
                        case Failed(text):
                            raise AttemptFailedError(text)
                        case Busy():
                            raise WorkerBusyError
        except (RayError, ConnectionError):
            raise
        except BaseException:
            await asyncio.shield(self._stop(taken, job.uid))
            raise

    async def _stop(self, taken: _Worker, uid: str) -> None:
        """Returns when nothing of a job runs any more."""
        try:
            async with asyncio.timeout(STOP_SECONDS):
                await _call(taken.actor.stop.remote, uid)
        except (TimeoutError, RayError, ConnectionError):
            log.warning("worker_killed", reason="a job did not stop")
            taken.killed = True
            await self._end(taken)

    async def _leave_later(self, taken: _Worker) -> None:
        await asyncio.sleep(self._settings.idle_seconds)
        await self._end(taken)

    async def _end(self, taken: _Worker) -> None:
        """Ends an actor, and forgets it so that the next call gets another."""
        if taken in self._workers.values():
            self._workers = {n: each for n, each in self._workers.items() if each is not taken}
            try:
                await asyncio.to_thread(ray.kill, taken.actor)
            except (RayError, ConnectionError):
                log.warning("worker_not_killed")


async def _call(method: Callable[..., Any], *arguments: object) -> Any:
    """The result of an actor's method."""
    calling = asyncio.create_task(asyncio.to_thread(method, *arguments))
    try:
        reference = await asyncio.shield(calling)
    except asyncio.CancelledError:
        await calling  # whatever is called next comes after it
        raise
    return await asyncio.wrap_future(reference.future())
