"""What every call bears: the caller's credential, and the trace that the service goes on with."""

from collections.abc import Callable
from typing import Any

import grpc
from opentelemetry import trace
from opentelemetry.trace import SpanKind

from client.access import Access
from telemetry.tracing import carrier


class _UnaryUnary(grpc.aio.UnaryUnaryClientInterceptor):
    def __init__(self, access: Access) -> None:
        self._access = access

    async def intercept_unary_unary(
        self, continuation: Callable[..., Any], details: Any, request: Any
    ) -> Any:
        return await _call(self._access, continuation, details, request)


class _UnaryStream(grpc.aio.UnaryStreamClientInterceptor):
    def __init__(self, access: Access) -> None:
        self._access = access

    async def intercept_unary_stream(
        self, continuation: Callable[..., Any], details: Any, request: Any
    ) -> Any:
        return await _call(self._access, continuation, details, request)


def interceptors(access: Access) -> tuple[grpc.aio.ClientInterceptor, ...]:
    """For a channel; calls raise `OSError` if the credential's file can't be read."""
    return _UnaryUnary(access), _UnaryStream(access)


async def _call(
    access: Access, continuation: Callable[..., Any], details: Any, request: Any
) -> Any:
    """Makes the call; its span ends when the call does."""
    credential = access.metadata()
    name = details.method.decode() if isinstance(details.method, bytes) else details.method
    span = trace.get_tracer("likeness").start_span(name.removeprefix("/"), kind=SpanKind.CLIENT)
    with trace.use_span(span):
        metadata = grpc.aio.Metadata(*(details.metadata or ()), *carrier().items(), *credential)
    call = await continuation(details._replace(metadata=metadata), request)
    call.add_done_callback(lambda _: span.end())
    return call
