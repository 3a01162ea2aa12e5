"""Traces over the processes' borders, sent where OpenTelemetry's own variables say.

Off unless ``OTEL_EXPORTER_OTLP_ENDPOINT`` names a collector's HTTP address. Spans carry methods,
codes and figures, never what a caller wrote: exceptions are not recorded, since their messages may
quote it.
"""

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

from opentelemetry import propagate, trace
from opentelemetry.trace import Span, SpanKind

ENDPOINT = "OTEL_EXPORTER_OTLP_ENDPOINT"
SHARE = "0.05"
"""Traces that are kept, unless ``OTEL_TRACES_SAMPLER`` and its ``_ARG`` say otherwise."""

Carrier = Mapping[str, str]
"""The header ``traceparent`` of W3C's Trace Context, where there is a trace."""


class TracingError(RuntimeError):
    """Traces can't be sent; the message says why."""


def start_tracing(process: str) -> Callable[[], None]:
    """Lets this process send traces, if it is told where to.

    Args:
        process: how it is called in traces.

    Returns:
        What sends the last ones, to be called at the end.

    Raises:
        TracingError: a package is missing.
    """
    if not os.environ.get(ENDPOINT):
        return lambda: None
    if not os.environ.get("OTEL_TRACES_SAMPLER"):
        os.environ["OTEL_TRACES_SAMPLER"] = "parentbased_traceidratio"
        os.environ.setdefault("OTEL_TRACES_SAMPLER_ARG", SHARE)
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.resources import SERVICE_NAME, Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor
    except ImportError as error:
        raise TracingError(f"{ENDPOINT} needs the package likeness[tracing]") from error
    provider = TracerProvider(resource=Resource.create({SERVICE_NAME: process}))
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    trace.set_tracer_provider(provider)
    return provider.shutdown


@contextmanager
def span(
    name: str, parent: Carrier | None = None, kind: SpanKind = SpanKind.INTERNAL
) -> Iterator[Span]:
    """A span around the block.

    Args:
        name: what is done.
        parent: what came with a call or a job from another process; None: the span around.
        kind: on which side of a call it is.
    """
    with _tracer().start_as_current_span(
        name,
        context=None if parent is None else propagate.extract(parent),
        kind=kind,
        record_exception=False,
        set_status_on_exception=False,
    ) as made:
        yield made


def start_span(name: str, parent: Carrier) -> Span:
    """A span that its holder ends."""
    return _tracer().start_span(name, context=propagate.extract(parent))


def carrier() -> dict[str, str]:
    """What another process needs to go on with the current trace; empty without one."""
    headers: dict[str, str] = {}
    propagate.inject(headers)
    return headers


def _tracer() -> trace.Tracer:
    return trace.get_tracer("likeness")
