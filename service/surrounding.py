"""Something around RPCs: the one place that takes gRPC's handlers apart and makes them anew."""

from abc import abstractmethod
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, aclosing
from dataclasses import dataclass
from typing import Any

import grpc
from google.protobuf.message import Message

from service.context import Context


@dataclass(frozen=True)
class Call:
    """A call of one request.

    Attributes:
        method: ``package.Service/Method``.
        streams: whether its answer is a stream.
    """

    method: str
    streams: bool
    request: Message
    context: Context


class SurroundingInterceptor(grpc.aio.ServerInterceptor):
    """Enters a context for the time of each call of one request."""

    @abstractmethod
    def around(self, call: Call) -> AbstractAsyncContextManager[None]:
        """The context; what it raises becomes the call's."""

    async def intercept_service(
        self,
        continuation: Callable[[grpc.HandlerCallDetails], Awaitable[Any]],
        handler_call_details: grpc.HandlerCallDetails,
    ) -> Any:
        handler = await continuation(handler_call_details)
        method = handler_call_details.method.removeprefix("/")
        if handler is None or handler.request_streaming:
            return handler

        async def answer(request: Message, context: Context) -> Any:
            async with self.around(Call(method, False, request, context)):
                return await handler.unary_unary(request, context)

        async def stream(request: Message, context: Context) -> AsyncIterator[Any]:
            async with (
                self.around(Call(method, True, request, context)),
                aclosing(handler.unary_stream(request, context)) as responses,
            ):
                async for response in responses:
                    yield response

        make: Callable[..., Any]
        wrapped: Callable[..., Any]
        if handler.response_streaming:
            make, wrapped = grpc.unary_stream_rpc_method_handler, stream
        else:
            make, wrapped = grpc.unary_unary_rpc_method_handler, answer
        return make(wrapped, handler.request_deserializer, handler.response_serializer)
