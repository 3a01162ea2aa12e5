"""Learning identities: trainings and the operations that they are."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Unpack

import grpc
from google.longrunning import operations_pb2
from google.protobuf.duration_pb2 import Duration

from client.connection import Connection
from client.errors import LikenessError, readable_errors
from client.names import OPERATIONS, resource_name
from client.training import Lesson, Training, TrainingUpdate, train_request
from likeness.v1 import identity_service_pb2 as pb

_WAIT_SECONDS = 60  # of one WaitOperation call
_ATTEMPTS_SECONDS = 10  # gRPC's own are over by then: a stream that lasted longer was only silent


class TrainingCalls(Connection):
    """Starts, follows and ends trainings."""

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

        A training outlives a crash of the service, and so does this: it connects again, and goes
        on with what has changed since the last update.

        Raises:
            LikenessError: the training failed, was cancelled or does not exist.
        """
        name = resource_name(OPERATIONS, operation)
        request = pb.WatchTrainingRequest(operation=name)
        now = asyncio.get_running_loop().time
        away_since = None
        while True:
            began = now()
            try:
                async for response in self._identities.WatchTraining(request):
                    away_since = None
                    request.after_sequence = response.sequence
                    if response.HasField("error"):
                        raise LikenessError.from_status(response.error)
                    ended = response.HasField("identity")
                    identity = response.identity if ended else None
                    yield TrainingUpdate(name, response.metadata, identity)
                    if ended:
                        return
            except grpc.aio.AioRpcError as broken:
                error = LikenessError.from_rpc(broken, self.address)
                if error.code is not grpc.StatusCode.UNAVAILABLE or not request.after_sequence:
                    raise error from broken
                if away_since is None or now() - began > _ATTEMPTS_SECONDS:
                    away_since = now()
                await self._connected_again(error, away_since + self._patience)

    async def _connected_again(self, error: LikenessError, until: float) -> None:
        """Waits for the service to be back; raises the error if it stays away."""
        try:
            async with asyncio.timeout_at(until):
                await asyncio.sleep(0)  # without it, time that is over would not be noticed
                await self._channel.channel_ready()
        except TimeoutError:
            raise error from None

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
                operation = await self._operations.WaitOperation(request)
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
