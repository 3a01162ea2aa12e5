"""A span around every call, whose trace the service goes on with."""

from collections.abc import Callable
from typing import Any

import grpc
from opentelemetry import trace
from opentelemetry.trace import SpanKind

from telemetry.tracing import carrier


class _UnaryUnary(grpc.aio.UnaryUnaryClientInterceptor):
    async def intercept_unary_unary(
        self, continuation: Callable[..., Any], details: Any, request: Any
    ) -> Any:
        return await _traced(continuation, details, request)


class _UnaryStream(grpc.aio.UnaryStreamClientInterceptor):
    async def intercept_unary_stream(
        self, continuation: Callable[..., Any], details: Any, request: Any
    ) -> Any:
        return await _traced(continuation, details, request)


INTERCEPTORS = (_UnaryUnary(), _UnaryStream())


async def _traced(continuation: Callable[..., Any], details: Any, request: Any) -> Any:
    """Makes the call; its span ends when the call does."""
    name = details.method.decode() if isinstance(details.method, bytes) else details.method
    span = trace.get_tracer("likeness").start_span(name.removeprefix("/"), kind=SpanKind.CLIENT)
    with trace.use_span(span):
        metadata = (*(details.metadata or ()), *carrier().items())
    call = await continuation(details._replace(metadata=grpc.aio.Metadata(*metadata)), request)
    call.add_done_callback(lambda _: span.end())
    return call
