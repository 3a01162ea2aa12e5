"""`IdentityService`: learning identities and managing what was learned."""

from collections.abc import AsyncIterator

from google.longrunning import operations_pb2

from likeness.v1 import identity_service_pb2 as pb
from likeness.v1 import identity_service_pb2_grpc as pb_grpc
from service.bundle import BundleSource
from service.caller import caller
from service.context import Context
from service.decoding import ImageRefusedError
from service.errors import InvalidRequestError, NotFoundError, Violation
from service.events import TrainingEvents
from service.images import ImageDecoder
from service.messages import identity_message, operation_message, watch_message
from service.names import (
    IDENTITY_TYPE,
    OPERATION_TYPE,
    parse_identity_name,
    parse_operation_name,
)
from service.store import IdentityStore, OperationStore, PageTokenError
from service.trainings import Trainings
from service.validation import page_size, training_violations


class IdentityService(pb_grpc.IdentityServiceServicer):
    """Answers from the store; changes go through :class:`Trainings`."""

    def __init__(
        self,
        identities: IdentityStore,
        operations: OperationStore,
        trainings: Trainings,
        events: TrainingEvents,
        bundles: BundleSource,
        decoder: ImageDecoder,
    ) -> None:
        self._identities, self._operations = identities, operations
        self._trainings, self._events, self._bundles = trainings, events, bundles
        self._decoder = decoder

    async def TrainIdentity(
        self, request: pb.TrainIdentityRequest, _context: Context
    ) -> operations_pb2.Operation:
        """Queues a training."""
        bundle = await self._bundles.find()
        violations = training_violations(request, bundle.tokenizer if bundle else None)
        image = b""
        try:
            image = await self._decoder.clean_png(request.image)
        except ImageRefusedError as error:
            violations.append(Violation("image", str(error)))
        if violations:
            raise InvalidRequestError(violations)
        return operation_message(await self._trainings.start(request, image))

    async def WatchTraining(
        self, request: pb.WatchTrainingRequest, _context: Context
    ) -> AsyncIterator[pb.WatchTrainingResponse]:
        """The state now, then every change until the end."""
        uid = parse_operation_name(request.operation, "operation")
        with self._events.subscribe(uid) as changes:
            training = await self._operations.get_of(caller().tenant, uid)
            if training is None:
                raise NotFoundError(OPERATION_TYPE, request.operation)
            yield watch_message(training)
            if training.operation.state.done:
                return
            async for change in changes:
                if change == training:
                    continue
                training = change
                yield watch_message(change)
                if change.operation.state.done:
                    return

    async def GetIdentity(
        self, request: pb.GetIdentityRequest, _context: Context
    ) -> pb.GetIdentityResponse:
        """One identity."""
        identity_id = parse_identity_name(request.name)
        record = await self._identities.get(caller().tenant, identity_id)
        if record is None:
            raise NotFoundError(IDENTITY_TYPE, request.name)
        return pb.GetIdentityResponse(identity=identity_message(record))

    async def ListIdentities(
        self, request: pb.ListIdentitiesRequest, _context: Context
    ) -> pb.ListIdentitiesResponse:
        """A page, newest first."""
        size = page_size(request.page_size)
        try:
            page = await self._identities.page(caller().tenant, size, request.page_token)
        except PageTokenError as error:
            raise InvalidRequestError([Violation("page_token", str(error))]) from error
        return pb.ListIdentitiesResponse(
            identities=map(identity_message, page.rows), next_page_token=page.next_token
        )

    async def DeleteIdentity(
        self, request: pb.DeleteIdentityRequest, _context: Context
    ) -> pb.DeleteIdentityResponse:
        """Erases an identity."""
        await self._trainings.delete_identity(parse_identity_name(request.name))
        return pb.DeleteIdentityResponse()
