"""A connection to one service, and what all of its calls have in common."""

import os
from types import TracebackType
from typing import Any, Self

from google.longrunning import operations_pb2_grpc

from client.access import Access
from client.channel import open_channel
from client.errors import readable_errors
from likeness.v1 import (
    generation_service_pb2_grpc,
    identity_service_pb2_grpc,
    provenance_service_pb2_grpc,
)

DEFAULT_ADDRESS = "127.0.0.1:50051"


class Connection:
    """A channel with the service's stubs.

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
        self._channel = open_channel(self.address, access or Access.from_environment())
        self._identities: Any = identity_service_pb2_grpc.IdentityServiceStub(self._channel)
        self._generation: Any = generation_service_pb2_grpc.GenerationServiceStub(self._channel)
        self._provenance: Any = provenance_service_pb2_grpc.ProvenanceServiceStub(self._channel)
        self._operations: Any = operations_pb2_grpc.OperationsStub(self._channel)

    async def __aenter__(self) -> Self:
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

    async def _call(self, method: Any, request: Any) -> Any:
        with readable_errors(self.address):
            return await method(request, timeout=self._timeout)
