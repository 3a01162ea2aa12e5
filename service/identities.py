"""`IdentityService`: learning identities and managing what was learned."""

from collections.abc import AsyncIterator, Mapping

from google.longrunning import operations_pb2
from google.protobuf.field_mask_pb2 import FieldMask
from google.protobuf.message import Message

from likeness.v1 import identity_service_pb2 as pb
from likeness.v1 import identity_service_pb2_grpc as pb_grpc
from service.bundle import BundleSource
from service.caller import caller
from service.consent import consent_violations
from service.context import Context
from service.decoding import ImageRefusedError
from service.errors import InvalidRequestError, NotFoundError, Violation
from service.events import TrainingEvents
from service.images import ImageDecoder
from service.messages import consent_message, identity_message, operation_message, watch_message
from service.names import (
    IDENTITY_TYPE,
    parse_identity_name,
    parse_operation_name,
)
from service.rules import Further
from service.store import IdentityStore
from service.trainings import Trainings
from service.transfer import Transfer
from service.validation import class_noun_violations, page_size, page_token_told


class IdentityService(pb_grpc.IdentityServiceServicer):
    """Answers from the store; changes go through :class:`Trainings`."""

    def __init__(
        self,
        identities: IdentityStore,
        trainings: Trainings,
        events: TrainingEvents,
        bundles: BundleSource,
        decoder: ImageDecoder,
        transfer: Transfer,
        require_consent: bool,
    ) -> None:
        self._identities = identities
        self._trainings, self._events, self._bundles = trainings, events, bundles
        self._decoder, self._transfer = decoder, transfer
        self._require_consent = require_consent

    @property
    def further(self) -> Mapping[type[Message], Further]:
        """What the handlers find besides broken rules of the protos."""
        return {
            pb.TrainIdentityRequest: self._training_violations,
            pb.ImportIdentityRequest: self._transfer.violations,
        }

    async def TrainIdentity(
        self, request: pb.TrainIdentityRequest, _context: Context
    ) -> operations_pb2.Operation:
        """Queues a training."""
        image, violations = await self._looked_at(request)
        if violations:
            raise InvalidRequestError(violations)
        return operation_message(await self._trainings.start(request, image))

    async def _looked_at(self, request: pb.TrainIdentityRequest) -> tuple[bytes, list[Violation]]:
        """The cleaned image, and what is wrong with the request besides broken rules."""
        bundle = await self._bundles.find()
        violations = class_noun_violations(request.class_noun, bundle.tokenizer if bundle else None)
        violations += consent_violations(request, self._require_consent)
        try:
            return await self._decoder.clean_png(request.image), violations
        except ImageRefusedError as error:
            return b"", [*violations, Violation("image", str(error))]

    async def _training_violations(self, request: pb.TrainIdentityRequest) -> list[Violation]:
        return (await self._looked_at(request))[1]

    async def WatchTraining(
        self, request: pb.WatchTrainingRequest, context: Context
    ) -> AsyncIterator[pb.WatchTrainingResponse]:
        """The state now, then every change; nothing up to `after_sequence` but for the end."""
        uid = parse_operation_name(request.operation, "operation")
        with self._events.subscribe(uid) as changes:
            training = await self._trainings.get(uid)
            seen = request.after_sequence
            if training.operation.sequence > seen or training.operation.state.done:
                yield watch_message(training)
            else:
                await context.send_initial_metadata(())  # the caller is heard, with nothing to tell
            if training.operation.state.done:
                return
            async for change in changes:
                done = change.operation.state.done
                news = change.preview or change.operation.sequence > seen or done
                if change == training or not news:
                    continue
                training = change
                yield watch_message(change)
                if done:
                    return

    async def GetIdentity(
        self, request: pb.GetIdentityRequest, _context: Context
    ) -> pb.GetIdentityResponse:
        """One identity."""
        identity_id = parse_identity_name(request.name)
        found = await self._identities.with_consent(caller().tenant, identity_id)
        if found is None:
            raise NotFoundError(IDENTITY_TYPE, request.name)
        record, consent = found
        return pb.GetIdentityResponse(
            identity=identity_message(record), consent=consent_message(consent)
        )

    async def ListIdentities(
        self, request: pb.ListIdentitiesRequest, _context: Context
    ) -> pb.ListIdentitiesResponse:
        """A page, newest first."""
        size = page_size(request.page_size)
        if not request.read_mask.IsValidForDescriptor(pb.Identity.DESCRIPTOR):
            wrong = "must name fields of Identity, such as name,state"
            raise InvalidRequestError([Violation("read_mask", wrong)])
        with page_token_told():
            page = await self._identities.page(caller().tenant, size, request.page_token)
        return pb.ListIdentitiesResponse(
            identities=[_masked(identity_message(row), request.read_mask) for row in page.rows],
            next_page_token=page.next_token,
        )

    async def DeleteIdentity(
        self, request: pb.DeleteIdentityRequest, _context: Context
    ) -> pb.DeleteIdentityResponse:
        """Erases an identity."""
        await self._trainings.delete_identity(parse_identity_name(request.name), request.etag)
        return pb.DeleteIdentityResponse()

    async def ExportIdentity(
        self, request: pb.ExportIdentityRequest, _context: Context
    ) -> pb.ExportIdentityResponse:
        """An identity with its artifact."""
        record, artifact = await self._transfer.artifact(parse_identity_name(request.name))
        return pb.ExportIdentityResponse(identity=identity_message(record), artifact=artifact)

    async def ImportIdentity(
        self, request: pb.ImportIdentityRequest, _context: Context
    ) -> pb.ImportIdentityResponse:
        """Makes an identity of an artifact."""
        record = await self._transfer.take(request)
        return pb.ImportIdentityResponse(identity=identity_message(record))


def _masked(identity: pb.Identity, mask: FieldMask) -> pb.Identity:
    """The fields that a mask names, or all of them if it names none."""
    if not mask.paths:
        return identity
    some = pb.Identity()
    mask.MergeMessage(identity, some)
    return some
