"""The asynchronous client of the service."""

import asyncio
import os
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Unpack

import grpc
from google.longrunning import operations_pb2, operations_pb2_grpc
from google.protobuf.duration_pb2 import Duration

from client.access import Access
from client.channel import open_channel
from client.errors import LikenessError, readable_errors
from client.generation import Drawing, generation_spec
from client.names import IDENTITIES, OPERATIONS, resource_name
from client.training import Lesson, Training, TrainingUpdate, train_request
from likeness.v1 import generation_service_pb2 as generation_pb
from likeness.v1 import generation_service_pb2_grpc as generation_grpc
from likeness.v1 import identity_service_pb2 as pb
from likeness.v1 import identity_service_pb2_grpc as identity_grpc

GenerationEvent = (
    generation_pb.GenerationProgress
    | generation_pb.GenerationPreview
    | generation_pb.GeneratedImage
)
"""What `stream_generate` yields."""

DEFAULT_ADDRESS = "127.0.0.1:50051"

_WAIT_SECONDS = 60  # of one WaitOperation call


class LikenessClient:
    """Talks to one service; use it as `async with LikenessClient() as client`.

    All methods raise :class:`LikenessError`. Names may be given with their collection or without:
    `identities/ann` or `ann`.

    Args:
        address: `host:port`. The environment's `LIKENESS_ADDRESS`, else `127.0.0.1:50051`, if None.
        timeout: seconds that a call may take; drawing and watching have no limit of their own.
        patience: seconds that `watch` waits for a service that went away to come back.
        access: TLS and credential; what the environment says, see :class:`Access`, if None.

    Raises:
        OSError: a file of `access` can't be read.
    """

    def __init__(
        self,
        address: str | None = None,
        *,
        timeout: float = 60.0,
        patience: float = 30.0,
        access: Access | None = None,
    ) -> None:
        self.address = address or os.environ.get("LIKENESS_ADDRESS", DEFAULT_ADDRESS)
        self._timeout, self._patience = timeout, patience
        self._access = access or Access.from_environment()
        tls = self._access.channel_credentials(self.address)
        self._channel = open_channel(self.address, tls)
        self._identities: Any = identity_grpc.IdentityServiceStub(self._channel)
        self._generation: Any = generation_grpc.GenerationServiceStub(self._channel)
        self._operations: Any = operations_pb2_grpc.OperationsStub(self._channel)

    async def __aenter__(self) -> "LikenessClient":
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Ends the connection, and with it every call still under way."""
        await self._channel.close()

    # Learning identities

    async def start_training(
        self, image: bytes | str | Path, identity_id: str = "", **lesson: Unpack[Lesson]
    ) -> Training:
        """Hands in an image; returns as soon as the service has taken it over.

        Args:
            image: the picture's file, or its bytes.
            identity_id: name of the new identity; the service chooses one if empty.
            lesson: see :class:`Lesson`.

        Raises:
            OSError: the image can't be read.
        """
        request = train_request(image, identity_id, lesson)
        return Training.from_operation(await self._call(self._identities.TrainIdentity, request))

    async def train(
        self, image: bytes | str | Path, identity_id: str = "", **lesson: Unpack[Lesson]
    ) -> AsyncIterator[TrainingUpdate]:
        """Trains an identity and yields the progress; the last update carries the identity.

        To stop listening does not stop the training: `watch` goes on listening,
        `cancel_operation` ends it. Arguments and errors as for `start_training` and `watch`.
        """
        training = await self.start_training(image, identity_id, **lesson)
        yield TrainingUpdate(training.name, training.metadata)
        async for update in self.watch(training.name):
            yield update

    async def watch(self, operation: str) -> AsyncIterator[TrainingUpdate]:
        """Yields a training's progress until it is done; the last update carries the identity.

        A training outlives a crash of the service, and so does this: it connects again.

        Raises:
            LikenessError: the training failed, was cancelled or does not exist.
        """
        name = resource_name(OPERATIONS, operation)
        while True:
            answered = False
            try:
                with readable_errors(self.address):
                    request = pb.WatchTrainingRequest(operation=name)
                    call = self._identities.WatchTraining(request, metadata=self._access.metadata())
                    async for response in call:
                        answered = True
                        if response.HasField("error"):
                            raise LikenessError.from_status(response.error)
                        ended = response.HasField("identity")
                        identity = response.identity if ended else None
                        yield TrainingUpdate(name, response.metadata, identity)
                        if ended:
                            return
            except LikenessError as error:
                if error.code is not grpc.StatusCode.UNAVAILABLE or not answered:
                    raise
                await self._connected_again(error)

    async def _connected_again(self, error: LikenessError) -> None:
        """Waits for the service to be back; raises the error if it stays away."""
        try:
            async with asyncio.timeout(self._patience):
                await self._channel.channel_ready()
        except TimeoutError:
            raise error from None

    async def get_identity(self, name: str) -> pb.Identity:
        """One identity."""
        request = pb.GetIdentityRequest(name=resource_name(IDENTITIES, name))
        response = await self._call(self._identities.GetIdentity, request)
        identity: pb.Identity = response.identity
        return identity

    async def list_identities(self) -> AsyncIterator[pb.Identity]:
        """All identities, newest first."""
        request = pb.ListIdentitiesRequest()
        while True:
            page = await self._call(self._identities.ListIdentities, request)
            for identity in page.identities:
                yield identity
            if not page.next_page_token:
                return
            request.page_token = page.next_page_token

    async def delete_identity(self, name: str) -> None:
        """Deletes an identity; its training, if still under way, is cancelled."""
        request = pb.DeleteIdentityRequest(name=resource_name(IDENTITIES, name))
        await self._call(self._identities.DeleteIdentity, request)

    # Drawing pictures

    async def generate(
        self,
        prompt: str,
        identities: Mapping[str, str] | None = None,
        *,
        deadline: float | None = None,
        **drawing: Unpack[Drawing],
    ) -> list[generation_pb.GeneratedImage]:
        """Draws pictures and returns them together.

        Args:
            prompt: text; `<word>` stands for an identity.
            identities: the identity of each word. Each `<word>` means `identities/word` if None.
            deadline: seconds until the call is given up; no limit if None.
            drawing: see :class:`Drawing`.
        """
        spec = generation_spec(prompt, identities, drawing)
        with readable_errors(self.address):
            request = generation_pb.GenerateRequest(spec=spec)
            response = await self._generation.Generate(
                request, timeout=deadline, metadata=self._access.metadata()
            )
        return list(response.images)

    async def stream_generate(
        self,
        prompt: str,
        identities: Mapping[str, str] | None = None,
        *,
        preview_every: int | None = None,
        deadline: float | None = None,
        **drawing: Unpack[Drawing],
    ) -> AsyncIterator[GenerationEvent]:
        """Draws pictures and yields each as soon as it is finished, with progress on the way.

        Whoever stops listening cancels the drawing. Arguments as for `generate`, and:

        Args:
            preview_every: steps between two previews of a picture; none if None.
        """
        spec = generation_spec(prompt, identities, drawing)
        with readable_errors(self.address):
            request = generation_pb.StreamGenerateRequest(spec=spec, preview_every=preview_every)
            call = self._generation.StreamGenerate(
                request, timeout=deadline, metadata=self._access.metadata()
            )
            try:
                async for response in call:
                    yield getattr(response, response.WhichOneof("event"))
            finally:
                call.cancel()

    # Operations

    async def list_operations(self) -> AsyncIterator[Training]:
        """All trainings, newest first."""
        request = operations_pb2.ListOperationsRequest(name=OPERATIONS)
        while True:
            page = await self._call(self._operations.ListOperations, request)
            for operation in page.operations:
                yield Training.from_operation(operation)
            if not page.next_page_token:
                return
            request.page_token = page.next_page_token

    async def get_operation(self, name: str) -> Training:
        """A training at this moment."""
        request = operations_pb2.GetOperationRequest(name=resource_name(OPERATIONS, name))
        return Training.from_operation(await self._call(self._operations.GetOperation, request))

    async def wait_operation(self, name: str) -> Training:
        """A training when it is done, however it ended."""
        request = operations_pb2.WaitOperationRequest(
            name=resource_name(OPERATIONS, name), timeout=Duration(seconds=_WAIT_SECONDS)
        )
        with readable_errors(self.address):
            while True:
                operation = await self._operations.WaitOperation(
                    request, metadata=self._access.metadata()
                )
                if operation.done:
                    return Training.from_operation(operation)

    async def cancel_operation(self, name: str) -> None:
        """Asks a training to end; `wait_operation` tells when it has."""
        request = operations_pb2.CancelOperationRequest(name=resource_name(OPERATIONS, name))
        await self._call(self._operations.CancelOperation, request)

    async def delete_operation(self, name: str) -> None:
        """Forgets a training that is done; the identity stays."""
        request = operations_pb2.DeleteOperationRequest(name=resource_name(OPERATIONS, name))
        await self._call(self._operations.DeleteOperation, request)

    async def _call(self, method: Any, request: Any) -> Any:
        with readable_errors(self.address):
            return await method(request, timeout=self._timeout, metadata=self._access.metadata())
