"""Every call ends: one without a deadline gets the service's."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import grpc

from service.context import Context
from service.errors import DeadlineExceededError

OWN = (
    "/google.longrunning.Operations/WaitOperation",  # waits as long as it is asked to
    "/likeness.v1.GenerationService/Generate",  # LIKENESS_GENERATION__TIMEOUT_SECONDS
)
"""Calls that set their own end. Streams do too, or end with their caller."""


class DeadlineInterceptor(grpc.aio.ServerInterceptor):
    """Ends unary calls that bring no deadline.

    Args:
        seconds: how long they may take.
    """

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds

    async def intercept_service(
        self,
        continuation: Callable[[grpc.HandlerCallDetails], Awaitable[Any]],
        handler_call_details: grpc.HandlerCallDetails,
    ) -> Any:
        handler = await continuation(handler_call_details)
        if handler is None or not handler.unary_unary or handler_call_details.method in OWN:
            return handler

        async def answer(request: Any, context: Context) -> Any:
            if context.time_remaining() is not None:
                return await handler.unary_unary(request, context)
            try:
                async with asyncio.timeout(self._seconds) as limit:
                    return await handler.unary_unary(request, context)
            except TimeoutError as error:
                if not limit.expired():
                    raise
                message = f"no deadline was set, and {self._seconds:g} s are over"
                raise DeadlineExceededError(message, "DEADLINE_EXCEEDED") from error

        return grpc.unary_unary_rpc_method_handler(
            answer, handler.request_deserializer, handler.response_serializer
        )
