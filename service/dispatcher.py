"""Gives queued trainings to workers, as many as they have places for."""

import asyncio
import contextlib

import structlog

from service.attempts import EXPIRED, Attempts, persistently
from service.errors import UnavailableError
from service.metrics import Metrics
from service.places import Places
from service.settings import JobSettings
from service.store import JobStore, OperationRecord, Training, now

log = structlog.get_logger()

POLL_SECONDS = 1.0
"""Longest time between two looks at the queue; a job queued here wakes the dispatcher at once."""


class Dispatcher:
    """Runs up to ``settings.group_size`` trainings in each of ``settings.workers`` workers."""

    def __init__(
        self, jobs: JobStore, attempts: Attempts, metrics: Metrics, settings: JobSettings
    ) -> None:
        self._jobs, self._attempts, self._metrics = jobs, attempts, metrics
        self._places = Places(settings.workers, settings.group_size)
        self._last_chance = settings.max_failures - 1
        self._running: dict[str, asyncio.Task[None]] = {}
        self._wake = asyncio.Event()

    @property
    def running(self) -> set[str]:
        """Uids of the operations that run here."""
        return set(self._running)

    async def run(self, term: int) -> None:
        """Dispatches until cancelled, what the leader before left first; then ends all attempts.

        Raises:
            NotLeaderError: another gateway leads.
        """
        try:
            released = await persistently(lambda: self._jobs.release_all(term))
            log.info("dispatching", term=term, released_jobs=released)
            while True:
                self._begin(await self._next(term))
        finally:
            await self.stop()
            await self._attempts.close()  # workers are the leader's

    def wake(self) -> None:
        """Tells that a job was queued."""
        self._wake.set()

    async def stop_job(self, uid: str) -> None:
        """Ends the attempt that runs an operation, if there is one, and waits until it is gone."""
        if (task := self._running.get(uid)) is not None:
            if not task.cancelling():  # a second time would cut short its stopping
                task.cancel()
            await asyncio.wait([task])

    async def stop(self) -> None:
        """Ends all attempts; their jobs are queued again."""
        await asyncio.gather(*(self.stop_job(uid) for uid in list(self._running)))

    def _begin(self, training: Training) -> None:
        uid = training.operation.uid
        worker = self._places.take(uid, self._group(training.operation))
        task = asyncio.create_task(self._attempts.run(training, worker))
        self._running[uid] = task
        self._metrics.training_group_size.observe(self._places.shared(uid))
        if training.operation.attempt == 1:
            waited = (now() - training.operation.create_time) / 1e6
            self._metrics.training_queue_seconds.observe(waited)
        self._count()
        task.add_done_callback(lambda _, uid=uid: self._ended(uid))  # type: ignore[misc]

    def _ended(self, uid: str) -> None:
        del self._running[uid]
        self._places.leave(uid)
        self._count()
        self.wake()

    def _count(self) -> None:
        self._metrics.trainings_running.set(len(self._running))
        self._metrics.training_workers.set(self._places.workers)

    async def _next(self, term: int) -> Training:
        unsure = False
        while True:
            self._wake.clear()
            delay = POLL_SECONDS
            try:
                if unsure and (lost := await self._jobs.release_all(term, self.running)):
                    log.warning("claim_lost", released_jobs=lost)
                unsure = False
                for uid in await self._jobs.expire(term, EXPIRED):
                    await self._attempts.conclude(uid, "failed")
                if (training := await self._jobs.claim(term, self._fits)) is not None:
                    return training
                if (earliest := await self._jobs.next_time()) is not None:
                    delay = min(delay, max(0.0, (earliest - now()) / 1e6))
            except UnavailableError:
                unsure = True  # whether a claim was stored whose answer was lost
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(delay):
                    await self._wake.wait()

    def _fits(self, operation: OperationRecord) -> bool:
        free = operation.uid not in self._running  # an attempt that was overtaken may still end
        return free and self._places.open_to(self._group(operation))

    def _group(self, operation: OperationRecord) -> str:
        """Jobs of one group share a worker: those of a preset.

        The last attempt of all is made alone, so that a job that brings its worker down again and
        again takes no other with it for good.
        """
        alone = 0 < operation.failures == self._last_chance
        return operation.uid if alone else operation.preset
