"""One attempt to run a training: what it takes to begin, and what is stored of its end."""

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable
from dataclasses import asdict, replace
from typing import TypeVar

import grpc
import structlog

from identity import ArtifactError, Identity, digest
from service.blobs import BlobStore, artifact_key
from service.errors import DataLossError, GatewayError, UnavailableError
from service.events import TrainingEvents
from service.jobs import AttemptFailedError, InputRefusedError, Job, JobBackend, WorkerBusyError
from service.logs import fault
from service.metrics import Metrics
from service.settings import JobSettings
from service.sources import SourceImages
from service.store import (
    Failure,
    JobStore,
    OperationRecord,
    OperationStore,
    Training,
    TrainingProgress,
    now,
)
from service.store.jobs import Artifact
from service.tidying import Tidying
from telemetry.tracing import carrier, span

log = structlog.get_logger()

STORE_RETRY_SECONDS = 1.0
FEW, RECORDS_PER_SECOND = 32, 128
"""So few trainings may store each report of their progress; more share so many a second."""
EXPIRED = Failure(
    grpc.StatusCode.DEADLINE_EXCEEDED.value[0],
    "TRAINING_TIMEOUT",
    "the training was not done in the time that it had",
)

Result = TypeVar("Result")


class _OvertakenError(Exception):
    """The operation was cancelled, or runs under a later attempt."""


class Attempts:
    """Runs attempts. Whatever one stores names it, and is refused once it is overtaken."""

    def __init__(
        self,
        jobs: JobStore,
        operations: OperationStore,
        blobs: BlobStore,
        sources: SourceImages,
        backend: JobBackend,
        events: TrainingEvents,
        tidying: Tidying,
        metrics: Metrics,
        settings: JobSettings,
    ) -> None:
        self._jobs, self._operations = jobs, operations
        self._blobs, self._sources = blobs, sources
        self._backend, self._events, self._tidying = backend, events, tidying
        self._metrics, self._settings = metrics, settings
        self._under_way = 0

    async def run(self, training: Training, worker: int) -> None:
        """Runs a claimed job in a worker and stores what comes of it. Cancelled, it queues it."""
        operation = training.operation
        with span("attempt", {"traceparent": operation.traceparent}) as traced:
            log.info("attempt_started", operation=operation.uid, attempt=operation.attempt)
            self._under_way += 1
            try:
                outcome = await self._run(training, worker)
            finally:
                self._under_way -= 1
            self._metrics.training_attempts.labels(outcome).inc()
            traced.set_attribute("likeness.outcome", outcome)
            log.info("attempt_ended", operation=operation.uid, outcome=outcome)

    async def _run(self, training: Training, worker: int) -> str:
        operation = training.operation
        try:
            outcome = await self._train(training, worker)
        except asyncio.CancelledError:
            outcome = "stopped"
            with contextlib.suppress(UnavailableError):  # who leads next makes up for it
                await self._jobs.release(operation.uid, operation.attempt)
        except _OvertakenError:
            outcome = "stopped"
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
        if outcome != "succeeded":
            await self._clear(operation.uid)
        return outcome

    async def _train(self, training: Training, worker: int) -> str:
        operation, identity = training.operation, training.identity
        # A cancellation between the claim and now found no attempt to stop.
        if not await self._jobs.holds(operation.uid, operation.attempt):
            raise _OvertakenError
        image = await self._sources.get(identity.uid, operation.image_digest)
        self._events.publish(training)
        job = Job(
            operation.uid,
            operation.attempt,
            image,
            identity.class_noun,
            operation.preset,
            operation.seed,
            operation.previews,
            carrier().get("traceparent", ""),
        )
        reporter = _Reporter(training, self._jobs, self._events, self._metrics, self._pause)
        try:
            async with asyncio.timeout(self._seconds_left(operation)) as limit:
                data = await self._backend.train(worker, job, reporter)
        except TimeoutError:
            if limit.expired():
                await self._fail(training, EXPIRED)
                return "failed"
            raise
        await self._publish(training, data)
        return "succeeded"

    def _pause(self) -> float:
        """Seconds between two records of a training's progress."""
        return 0.0 if self._under_way <= FEW else self._under_way / RECORDS_PER_SECOND

    def _seconds_left(self, operation: OperationRecord) -> float:
        assert operation.start_time is not None
        ends = operation.start_time + round(self._settings.time_limit_seconds * 1e6)
        return (min(ends, operation.deadline or ends) - now()) / 1e6

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
        if not await persistently(
            lambda: self._jobs.publish(operation.uid, operation.attempt, artifact)
        ):
            await self._blobs.delete(key)
            raise _OvertakenError
        await self.conclude(operation.uid, "succeeded")

    async def _retry_or_fail(self, training: Training, message: str) -> None:
        operation, settings = training.operation, self._settings
        failures = operation.failures + 1
        if failures < settings.max_failures:
            not_before = now() + round(settings.retry_seconds * 1e6)
            await persistently(
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
        await persistently(lambda: self._jobs.release(operation.uid, operation.attempt, not_before))
        await self._announce(operation.uid)

    async def _fail(self, training: Training, failure: Failure) -> None:
        operation = training.operation
        if await persistently(lambda: self._jobs.fail(operation.uid, operation.attempt, failure)):
            await self.conclude(operation.uid, "failed")

    async def close(self) -> None:
        """Ends all workers."""
        await self._backend.close()

    async def conclude(self, uid: str, outcome: str) -> None:
        """After an operation has ended as ``succeeded`` or ``failed``: tidies up and tells."""
        if (ended := await self._operations.get(uid)) is not None:
            self._metrics.training_ended(outcome, (now() - ended.operation.create_time) / 1e6)
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


async def persistently(write: Callable[[], Awaitable[Result]]) -> Result:
    """Reads or stores, as soon as the database lets it."""
    while True:
        try:
            return await write()
        except UnavailableError:
            await asyncio.sleep(STORE_RETRY_SECONDS)


class _Reporter:
    """Takes an attempt's progress; raises :class:`_OvertakenError` if it is wanted no more.

    Args:
        pause: seconds after a record of progress in which further reports are only counted.
    """

    def __init__(
        self,
        training: Training,
        jobs: JobStore,
        events: TrainingEvents,
        metrics: Metrics,
        pause: Callable[[], float],
    ) -> None:
        self._training, self._jobs, self._events = training, jobs, events
        self._metrics, self._pause = metrics, pause
        self._step: int | None = None
        self._recorded = float("-inf")

    async def __call__(self, progress: TrainingProgress) -> None:
        operation = self._training.operation
        if self._step is not None:
            self._metrics.training_steps.inc(max(0, progress.step - self._step))
        self._step = progress.step
        if progress.loss:  # the first report of an attempt has none
            self._metrics.training_loss.observe(progress.loss)
        present = time.monotonic()
        if present < self._recorded + self._pause():
            return
        self._recorded = present
        sequence = operation.sequence
        log.debug("attempt_progress", operation=operation.uid, **asdict(progress))
        # If the database is away the training does not suffer; the next record comes soon.
        with contextlib.suppress(UnavailableError):
            recorded = await self._jobs.record_progress(operation.uid, operation.attempt, progress)
            if recorded is None:
                raise _OvertakenError
            sequence = recorded
        reported = replace(operation, sequence=sequence, **asdict(progress))
        self._training = Training(reported, self._training.identity)
        self._events.publish(self._training)

    async def preview(self, png: bytes) -> None:
        """Shows it to those who watch; it is not kept."""
        self._events.publish(replace(self._training, preview=png))
