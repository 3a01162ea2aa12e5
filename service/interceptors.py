"""What surrounds every RPC of ours: callers are authenticated and kept to their quotas, errors
become answers, calls are counted, logged and written down.
"""

import asyncio
import time
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import grpc
import structlog
from opentelemetry.trace import SpanKind

from service.audit import AuditLog
from service.auth import Authenticator
from service.caller import Act, begin_act, set_caller
from service.context import Context
from service.deadlines import within
from service.errors import GatewayError
from service.logs import fault
from service.metrics import Metrics
from service.quotas import Quotas
from service.surrounding import Call, SurroundingInterceptor
from telemetry.exemplars import exemplar
from telemetry.tracing import span

log = structlog.get_logger()

OUR_PACKAGES = ("likeness.", "google.longrunning.")
TRACE = ("traceparent", "tracestate")
STATUS_DETAILS = "grpc-status-details-bin"


class RpcInterceptor(SurroundingInterceptor):
    """Wraps the handlers of our services; health and reflection stay as they are.

    Args:
        authenticator: finds out who calls.
        quotas: of callers.
        audit: where calls are written down.
        metrics: where they are counted.
        seconds: how long it may take to find out whether the caller may call.
    """

    def __init__(
        self,
        authenticator: Authenticator,
        quotas: Quotas,
        audit: AuditLog,
        metrics: Metrics,
        seconds: float,
    ) -> None:
        self._authenticator, self._quotas = authenticator, quotas
        self._audit, self._metrics, self._seconds = audit, metrics, seconds

    @asynccontextmanager
    async def around(self, call: Call) -> AsyncIterator[None]:
        method, context = call.method, call.context
        if not method.startswith(OUR_PACKAGES):
            yield
            return
        started = time.monotonic()
        labels = method.split("/", 1)
        outcome = _Outcome(grpc.StatusCode.OK)
        act: Act | None = None  # of who is known and within his quota
        in_flight = self._metrics.rpc_in_flight.labels(*labels)
        in_flight.inc()
        with span(method, _trace_of(context), SpanKind.SERVER) as traced:
            try:
                async with _answering(context, outcome):
                    async with within(self._seconds, "it took too long to find out who calls"):
                        found = await self._authenticator.caller(context)
                        set_caller(found)
                        await self._quotas.admit(found.tenant)
                    act = begin_act(labels[1])
                    yield
            finally:
                if act is not None:
                    self._audit.ended(act, outcome.code.name, outcome.reason)
                seconds = time.monotonic() - started
                in_flight.dec()
                self._metrics.rpc_handled.labels(*labels, outcome.code.name).inc()
                latency = self._metrics.rpc_seconds.labels(*labels, outcome.code.name)
                latency.observe(seconds, exemplar())
                traced.set_attribute("rpc.grpc.status_code", outcome.code.value[0])
                log.info(
                    "rpc",
                    method=method,
                    code=outcome.code.name,
                    reason=outcome.reason,
                    seconds=round(seconds, 4),
                )


class _Outcome:
    """How an RPC ended."""

    def __init__(self, code: grpc.StatusCode, reason: str = "") -> None:
        self.code, self.reason = code, reason


def _trace_of(context: Context) -> dict[str, str]:
    """What the caller says of the trace that it is in."""
    return {key: str(value) for key, value in context.invocation_metadata() or () if key in TRACE}


@asynccontextmanager
async def _answering(context: Context, outcome: _Outcome) -> AsyncIterator[None]:
    """Turns exceptions into `google.rpc.Status`."""
    try:
        yield
    except GatewayError as error:
        await _abort(context, outcome, error)
    except (asyncio.CancelledError, GeneratorExit):
        remaining = context.time_remaining()
        expired = remaining is not None and remaining <= 0
        outcome.code = grpc.StatusCode.DEADLINE_EXCEEDED if expired else grpc.StatusCode.CANCELLED
        raise
    except Exception as error:
        correlation_id = uuid.uuid4().hex
        log.error("unexpected_exception", correlation_id=correlation_id, **fault(error))
        unexpected = GatewayError(f"internal error, correlation id {correlation_id}", "INTERNAL")
        await _abort(context, outcome, unexpected)


async def _abort(context: Context, outcome: _Outcome, error: GatewayError) -> None:
    outcome.code, outcome.reason = error.code, error.reason
    details = error.to_status().SerializeToString()
    await context.abort(error.code, error.message, ((STATUS_DETAILS, details),))
