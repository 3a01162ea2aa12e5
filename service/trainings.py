"""Starting, cancelling and erasing trainings: what the servicers ask for."""

import asyncio
import uuid
from collections.abc import Coroutine
from typing import Any

import grpc
import structlog

from identity import digest
from likeness.v1 import identity_service_pb2 as pb
from service.caller import caller, uses
from service.consent import consent_of
from service.dispatcher import Dispatcher
from service.errors import (
    AbortedError,
    AlreadyExistsError,
    FailedPreconditionError,
    NotFoundError,
    QuotaExceededError,
    ResourceExhaustedError,
)
from service.events import TrainingEvents
from service.metrics import Metrics
from service.names import IDENTITY_TYPE, OPERATION_TYPE, identity_name, operation_name
from service.sources import SourceImages
from service.store import (
    EtagMismatchError,
    Failure,
    IdentityRecord,
    IdentityStore,
    NewTraining,
    OperationStore,
    Training,
    now,
)
from service.tidying import Tidying
from service.validation import DEFAULT_CLASS_NOUN, DEFAULT_PRESET
from telemetry.tracing import carrier

log = structlog.get_logger()

CANCELLED = Failure(grpc.StatusCode.CANCELLED.value[0], "CANCELLED", "the training was cancelled")


class Trainings:
    """Changes of trainings that involve more than one row."""

    def __init__(
        self,
        identities: IdentityStore,
        operations: OperationStore,
        sources: SourceImages,
        dispatcher: Dispatcher,
        events: TrainingEvents,
        tidying: Tidying,
        metrics: Metrics,
    ) -> None:
        self._identities, self._operations, self._sources = identities, operations, sources
        self._dispatcher, self._events = dispatcher, events
        self._tidying, self._metrics = tidying, metrics
        self._finishing: set[asyncio.Task[None]] = set()

    async def start(self, request: pb.TrainIdentityRequest, image: bytes) -> Training:
        """Queues a valid request, or finds the training that the same request began.

        Args:
            request: what to learn.
            image: its picture, cleaned.

        Raises:
            AlreadyExistsError: the identity exists, or the request id belongs to another request.
            ResourceExhaustedError: as many trainings wait as may.
            QuotaExceededError: the tenant may have no more.
        """
        request_id = request.request_id.lower() or None
        payload = payload_digest(request)
        identity_id = request.identity_id or new_identity_id()
        if (known := await self._known(request_id, payload)) is not None:
            return known
        tenant = caller().tenant
        if await self._identities.get(tenant, identity_id) is not None:
            return await self._known_after_all(request_id, payload, identity_id)
        await self._operations.check_queue(tenant)
        new = NewTraining(
            identity_uid=str(uuid.uuid4()),
            identity_id=identity_id,
            class_noun=request.class_noun.lower() or DEFAULT_CLASS_NOUN,
            preset=request.preset or DEFAULT_PRESET,
            seed=request.seed,
            image_digest=digest(image),
            request_id=request_id,
            payload_digest=payload,
            tenant=tenant,
            image_bytes=len(image),
            previews=request.preview_count,
            traceparent=carrier().get("traceparent", ""),
            deadline=now() + request.timeout.ToMicroseconds()
            if request.HasField("timeout")
            else None,
            consent=consent_of(request),
        )
        await self._sources.put(new.identity_uid, image)
        try:
            created = await self._operations.create(new)
        except (QuotaExceededError, ResourceExhaustedError):
            await self._sources.erase(new.identity_uid)
            raise
        if created is None:  # a call at the same time was quicker
            await self._sources.erase(new.identity_uid)
            return await self._known_after_all(request_id, payload, identity_id)
        self._metrics.asked(new.tenant, "training")
        log.info("training_queued", operation=created.operation.uid, identity=new.identity_uid)
        self._dispatcher.wake()
        return created

    async def get(self, operation_uid: str) -> Training:
        """A training of the caller's tenant. Raises :class:`NotFoundError`."""
        training = await self._operations.get_of(caller().tenant, operation_uid)
        if training is None:
            raise NotFoundError(OPERATION_TYPE, operation_name(operation_uid))
        return training

    async def cancel(self, operation_uid: str) -> None:
        """Ends a training; nothing happens if it is done. Raises :class:`NotFoundError`."""
        training = await self.get(operation_uid)
        uses(training.identity.uid)
        await self._to_the_end(self._cancel(training))

    async def delete_operation(self, operation_uid: str) -> None:
        """Forgets a training that is done; the identity stays.

        Raises:
            NotFoundError, FailedPreconditionError: it does not exist; it is under way.
        """
        training = await self.get(operation_uid)
        uses(training.identity.uid)
        if not training.operation.state.done:
            name = operation_name(operation_uid)
            message = f"{name} is under way; cancel it first"
            raise FailedPreconditionError(OPERATION_TYPE, name, message, "OPERATION_NOT_DONE")
        await self._operations.delete(caller().tenant, operation_uid)

    async def delete_identity(self, identity_id: str, etag: str = "") -> None:
        """Cancels an identity's training, erases all of it.

        Args:
            identity_id: which.
            etag: as its record had it when the caller looked; empty if that doesn't matter.

        Raises:
            NotFoundError, AbortedError: it does not exist; it has changed since.
        """
        name = identity_name(identity_id)
        try:
            record = await self._identities.begin_deletion(caller().tenant, identity_id, etag)
        except EtagMismatchError as error:
            message = f"{name} has changed since its etag was read"
            raise AbortedError(IDENTITY_TYPE, name, message, "ETAG_MISMATCH") from error
        if record is None:
            raise NotFoundError(IDENTITY_TYPE, name)
        await self._to_the_end(self._erase(record))

    async def finish(self) -> None:
        """Waits for what is still being cancelled or erased."""
        if self._finishing:
            await asyncio.wait(self._finishing)

    async def _known(self, request_id: str | None, payload: str) -> Training | None:
        if request_id is None:
            return None
        training = await self._operations.by_request_id(caller().tenant, request_id)
        if training is not None:
            uses(training.identity.uid)
        if training is not None and training.operation.payload_digest != payload:
            name = operation_name(training.operation.uid)
            message = f"request_id was used by another request, which made {name}"
            raise AlreadyExistsError(OPERATION_TYPE, name, message, "REQUEST_ID_REUSED")
        return training

    async def _known_after_all(
        self, request_id: str | None, payload: str, identity_id: str
    ) -> Training:
        """For a name that is taken: perhaps by the same request, a moment ago."""
        if (known := await self._known(request_id, payload)) is not None:
            return known
        raise name_taken(identity_id)

    async def _cancel(self, training: Training) -> None:
        uid = training.operation.uid
        if not await self._operations.cancel(uid, CANCELLED):
            return
        await self._dispatcher.stop_job(uid)
        cancelled = await self._operations.get(uid)
        if cancelled is not None:
            await self._tidying.tidy(cancelled)
            self._events.publish(cancelled)
        self._metrics.training_ended("cancelled", (now() - training.operation.create_time) / 1e6)
        log.info("training_cancelled", operation=uid)

    async def _erase(self, record: IdentityRecord) -> None:
        if (training := await self._operations.active_of(record.uid)) is not None:
            await self._cancel(training)
        await self._tidying.erase(record)
        log.info("identity_erased", identity=record.uid)

    async def _to_the_end(self, work: Coroutine[Any, Any, None]) -> None:
        """Does the work even if the caller goes away meanwhile."""
        task = asyncio.create_task(work)
        self._finishing.add(task)
        task.add_done_callback(self._finishing.discard)
        await asyncio.shield(task)


def payload_digest(request: pb.TrainIdentityRequest) -> str:
    """Digest of everything that a request says, but for its id."""
    rest = pb.TrainIdentityRequest()
    rest.CopyFrom(request)
    rest.ClearField("request_id")
    rest.ClearField("image")
    return digest(digest(request.image).encode() + rest.SerializeToString(deterministic=True))


def new_identity_id() -> str:
    """A name for who brings none."""
    return f"identity-{uuid.uuid4().hex[:12]}"


def name_taken(identity_id: str) -> AlreadyExistsError:
    """The answer to who wants the name of another identity."""
    name = identity_name(identity_id)
    return AlreadyExistsError(
        IDENTITY_TYPE, name, f"{name} already exists; delete it first", "IDENTITY_EXISTS"
    )
