"""Gives queued trainings to the backend, one attempt at a time, and stores what comes of them."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from dataclasses import asdict, replace
from typing import TypeVar

import grpc
import structlog

from identity import ArtifactError, Identity, digest
from service.blobs import BlobStore, artifact_key, source_key
from service.errors import DataLossError, GatewayError, UnavailableError
from service.events import TrainingEvents
from service.jobs import AttemptFailedError, InputRefusedError, Job, JobBackend, WorkerBusyError
from service.logs import fault
from service.metrics import Metrics
from service.settings import JobSettings
from service.store import (
    Failure,
    JobStore,
    OperationStore,
    Training,
    TrainingProgress,
    now,
)
from service.store.jobs import Artifact
from service.tidying import Tidying

log = structlog.get_logger()

POLL_SECONDS = 1.0
"""Longest time between two looks at the queue; a job queued here wakes the dispatcher at once."""
STORE_RETRY_SECONDS = 1.0

Result = TypeVar("Result")


class _OvertakenError(Exception):
    """The operation was cancelled, or runs under a later attempt."""


class Dispatcher:
    """Runs up to ``settings.concurrency`` trainings at a time."""

    def __init__(
        self,
        jobs: JobStore,
        operations: OperationStore,
        blobs: BlobStore,
        backend: JobBackend,
        events: TrainingEvents,
        tidying: Tidying,
        metrics: Metrics,
        settings: JobSettings,
    ) -> None:
        self._jobs, self._operations, self._blobs = jobs, operations, blobs
        self._backend, self._events, self._tidying = backend, events, tidying
        self._metrics, self._settings = metrics, settings
        self._slots = asyncio.Semaphore(settings.concurrency)
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
            released = await self._persistently(lambda: self._jobs.release_all(term))
            log.info("dispatching", term=term, released_jobs=released)
            while True:
                await self._slots.acquire()
                try:
                    training = await self._next(term)
                except BaseException:
                    self._slots.release()
                    raise
                self._begin(training)
        finally:
            await self.stop()

    def wake(self) -> None:
        """Tells that a job was queued."""
        self._wake.set()

    async def stop_job(self, uid: str) -> None:
        """Ends the attempt that runs an operation, if there is one, and waits until it is gone."""
        if (task := self._running.get(uid)) is not None:
            task.cancel()
            await asyncio.wait([task])

    async def stop(self) -> None:
        """Ends all attempts; their jobs are queued again."""
        for uid in list(self._running):
            await self.stop_job(uid)

    def _begin(self, training: Training) -> None:
        task = asyncio.create_task(self._attempt(training))
        uid = training.operation.uid
        self._running[uid] = task
        self._metrics.trainings_running.set(len(self._running))
        task.add_done_callback(lambda _, uid=uid: self._ended(uid))  # type: ignore[misc]

    def _ended(self, uid: str) -> None:
        del self._running[uid]
        self._metrics.trainings_running.set(len(self._running))
        self._slots.release()

    async def _next(self, term: int) -> Training:
        while True:
            self._wake.clear()
            delay = POLL_SECONDS
            try:
                if (training := await self._jobs.claim(term)) is not None:
                    return training
                if (earliest := await self._jobs.next_time()) is not None:
                    delay = min(delay, max(0.0, (earliest - now()) / 1e6))
            except UnavailableError:
                delay = STORE_RETRY_SECONDS
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(delay):
                    await self._wake.wait()

    async def _attempt(self, training: Training) -> None:
        operation = training.operation
        log.info("attempt_started", operation=operation.uid, attempt=operation.attempt)
        try:
            outcome = await self._run(training)
        except asyncio.CancelledError:
            outcome = "stopped"
            await self._persistently(lambda: self._jobs.release(operation.uid, operation.attempt))
            await self._clear(operation.uid)
        except _OvertakenError:
            outcome = "stopped"
            await self._clear(operation.uid)
        except (WorkerBusyError, UnavailableError):
            outcome = "stopped"  # nothing that the training is to blame for
            await self._release_later(training)
        except InputRefusedError as error:
            outcome = "refused"
            code = grpc.StatusCode.INVALID_ARGUMENT.value[0]
            await self._fail(training, Failure(code, error.reason, error.message))
        except DataLossError as error:
            outcome = "failed"
            await self._fail(training, Failure(error.code.value[0], error.reason, error.message))
        except (AttemptFailedError, GatewayError) as error:
            outcome = "failed"
            await self._retry_or_fail(training, error.message)
        except Exception as error:
            outcome = "failed"
            log.error("attempt_broken", operation=operation.uid, **fault(error))
            await self._retry_or_fail(training, "the attempt could not be run")
        self._metrics.training_attempts.labels(outcome).inc()
        log.info("attempt_ended", operation=operation.uid, outcome=outcome)

    async def _run(self, training: Training) -> str:
        operation, identity = training.operation, training.identity
        # A cancellation between the claim and now found no attempt to stop.
        if not await self._jobs.holds(operation.uid, operation.attempt):
            raise _OvertakenError
        image = await self._blobs.get(source_key(identity.uid), operation.image_digest)
        self._events.publish(training)
        job = Job(
            operation.uid,
            operation.attempt,
            image,
            identity.class_noun,
            operation.preset,
            operation.seed,
        )
        reporter = _Reporter(training, self._jobs, self._events, self._metrics)
        data = await self._backend.train(0, job, reporter)
        await self._publish(training, data)
        return "succeeded"

    async def _publish(self, training: Training, data: bytes) -> None:
        operation, identity = training.operation, training.identity
        try:
            learned = Identity.from_bytes(data)
        except ArtifactError as error:
            raise AttemptFailedError("the trainer's artifact can't be read") from error
        key = artifact_key(identity.uid, operation.attempt)
        await self._blobs.put(key, data)
        artifact = Artifact(
            key, digest(data), learned.base_model_digest, learned.stages, learned.width
        )
        if not await self._persistently(
            lambda: self._jobs.publish(operation.uid, operation.attempt, artifact)
        ):
            await self._blobs.delete(key)
            raise _OvertakenError
        await self._conclude(training, "succeeded")

    async def _retry_or_fail(self, training: Training, message: str) -> None:
        operation, settings = training.operation, self._settings
        failures = operation.failures + 1
        if failures < settings.max_failures:
            not_before = now() + round(settings.retry_seconds * 1e6)
            await self._persistently(
                lambda: self._jobs.retry(operation.uid, operation.attempt, not_before)
            )
            await self._announce(operation.uid)
            return
        text = f"{failures} attempts failed; the last one: {message}"
        code = grpc.StatusCode.INTERNAL.value[0]
        await self._fail(training, Failure(code, "TRAINING_FAILED", text))

    async def _release_later(self, training: Training) -> None:
        operation = training.operation
        not_before = now() + round(self._settings.retry_seconds * 1e6)
        await self._persistently(
            lambda: self._jobs.release(operation.uid, operation.attempt, not_before)
        )
        await self._announce(operation.uid)

    async def _fail(self, training: Training, failure: Failure) -> None:
        operation = training.operation
        if await self._persistently(
            lambda: self._jobs.fail(operation.uid, operation.attempt, failure)
        ):
            await self._conclude(training, "failed")

    async def _conclude(self, training: Training, outcome: str) -> None:
        seconds = (now() - training.operation.create_time) / 1e6
        self._metrics.training_ended(outcome, seconds)
        if (ended := await self._operations.get(training.operation.uid)) is not None:
            await self._tidying.tidy(ended)
            self._events.publish(ended)

    async def _clear(self, uid: str) -> None:
        """Erases the checkpoints of an operation that was ended by another gateway."""
        with contextlib.suppress(UnavailableError):
            training = await self._operations.get(uid)
            if training is None or training.operation.state.done:
                await self._backend.forget(uid)

    async def _announce(self, uid: str) -> None:
        """Tells watchers the stored state."""
        if (training := await self._operations.get(uid)) is not None:
            self._events.publish(training)

    async def _persistently(self, write: Callable[[], Awaitable[Result]]) -> Result:
        """Stores a result, as soon as the database takes it."""
        while True:
            try:
                return await write()
            except UnavailableError:
                await asyncio.sleep(STORE_RETRY_SECONDS)


class _Reporter:
    """Takes an attempt's progress; raises :class:`_OvertakenError` if it is wanted no more."""

    def __init__(
        self, training: Training, jobs: JobStore, events: TrainingEvents, metrics: Metrics
    ) -> None:
        self._training, self._jobs, self._events = training, jobs, events
        self._metrics = metrics
        self._step: int | None = None

    async def __call__(self, progress: TrainingProgress) -> None:
        operation = self._training.operation
        if self._step is not None:
            self._metrics.training_steps.inc(max(0, progress.step - self._step))
        self._step = progress.step
        # If the database is away the training does not suffer; the next record comes soon.
        with contextlib.suppress(UnavailableError):
            if not await self._jobs.record_progress(operation.uid, operation.attempt, progress):
                raise _OvertakenError
        reported = replace(operation, **asdict(progress))
        self._events.publish(Training(reported, self._training.identity))

    async def preview(self, png: bytes) -> None:
        """Shows it to those who watch; it is not kept."""
        self._events.publish(replace(self._training, preview=png))
