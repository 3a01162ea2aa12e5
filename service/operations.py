"""`google.longrunning.Operations`: trainings as standard operations."""

import asyncio
import contextlib

from google.longrunning import operations_pb2, operations_pb2_grpc
from google.protobuf import duration_pb2, empty_pb2

from service.caller import caller
from service.context import Context
from service.errors import InvalidRequestError, UnavailableError, Violation
from service.events import TrainingEvents
from service.messages import operation_message
from service.names import parse_operation_name
from service.store import (
    FilterError,
    OperationFilter,
    OperationStore,
)
from service.trainings import Trainings
from service.validation import page_size, page_token_told

MAX_TIMEOUT = 315_576_000_000
"""Seconds either way of a `google.protobuf.Duration`: 10,000 years."""
REPLY_SECONDS = 0.25
"""A call that waits ends this much before its deadline, so that the answer still arrives."""


class OperationsService(operations_pb2_grpc.OperationsServicer):  # type: ignore[misc]
    """Answers from the store; changes go through :class:`Trainings`."""

    def __init__(
        self, operations: OperationStore, trainings: Trainings, events: TrainingEvents
    ) -> None:
        self._operations, self._trainings, self._events = operations, trainings, events

    async def GetOperation(
        self, request: operations_pb2.GetOperationRequest, _context: Context
    ) -> operations_pb2.Operation:
        """The present state."""
        return operation_message(await self._trainings.get(parse_operation_name(request.name)))

    async def ListOperations(
        self, request: operations_pb2.ListOperationsRequest, _context: Context
    ) -> operations_pb2.ListOperationsResponse:
        """A page, newest first; the filter as :class:`OperationFilter` reads it."""
        violations = []
        if request.name not in ("", "operations"):
            violations.append(Violation("name", "must be operations or empty"))
        wanted = None
        try:
            wanted = OperationFilter.parse(request.filter)
        except FilterError as error:
            violations.append(Violation("filter", str(error)))
        if violations:
            raise InvalidRequestError(violations)
        size = page_size(request.page_size)
        with page_token_told():
            page = await self._operations.page(caller().tenant, size, request.page_token, wanted)
        return operations_pb2.ListOperationsResponse(
            operations=map(operation_message, page.rows), next_page_token=page.next_token
        )

    async def WaitOperation(
        self, request: operations_pb2.WaitOperationRequest, context: Context
    ) -> operations_pb2.Operation:
        """The state when the operation is done, or when the time is over."""
        uid = parse_operation_name(request.name)
        seconds = _seconds(request.timeout) if request.HasField("timeout") else None
        if (remaining := context.time_remaining()) is not None:
            left = max(0.0, remaining - REPLY_SECONDS)
            seconds = left if seconds is None else min(seconds, left)
        with self._events.subscribe(uid) as changes:
            training = await self._trainings.get(uid)
            if training.operation.state.done:
                return operation_message(training)
            # At shutdown the call answers with what is known, as the API allows.
            with contextlib.suppress(TimeoutError, UnavailableError):
                async with asyncio.timeout(seconds):
                    async for change in changes:
                        if change.operation.state.done:
                            return operation_message(change)
        return operation_message(await self._trainings.get(uid))

    async def CancelOperation(
        self, request: operations_pb2.CancelOperationRequest, _context: Context
    ) -> empty_pb2.Empty:
        """Ends a training; returns when nothing runs any more."""
        await self._trainings.cancel(parse_operation_name(request.name))
        return empty_pb2.Empty()

    async def DeleteOperation(
        self, request: operations_pb2.DeleteOperationRequest, _context: Context
    ) -> empty_pb2.Empty:
        """Forgets a training that is done."""
        await self._trainings.delete_operation(parse_operation_name(request.name))
        return empty_pb2.Empty()


def _seconds(timeout: duration_pb2.Duration) -> float:
    seconds, nanos = timeout.seconds, timeout.nanos
    if abs(seconds) > MAX_TIMEOUT or abs(nanos) >= 10**9 or seconds * nanos < 0:
        limit = f"must be -{MAX_TIMEOUT} to {MAX_TIMEOUT} s, with less than 10^9 nanos of its sign"
        raise InvalidRequestError([Violation("timeout", limit)])
    return float(seconds + nanos / 1e9)
