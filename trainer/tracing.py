"""A span for each job, from its command to the event that ends it."""

from typing import Any

from opentelemetry.trace import Span

from telemetry.tracing import start_span
from trainer.progress import Events

ENDS = ("finished", "failed", "stopped")


class TracedEvents:
    """Passes events on, and notes them in the span of their job."""

    def __init__(self, events: Events) -> None:
        self._events = events
        self._spans: dict[str, Span] = {}

    def begin(self, job: str, traceparent: str) -> None:
        """A job's span begins, in the trace that its command came from."""
        self._spans[job] = start_span("training", {"traceparent": traceparent})

    def __call__(self, event: str, **fields: Any) -> None:
        """Tells one event."""
        self._events(event, **fields)
        if (span := self._spans.get(fields.get("job", ""))) is None:
            return
        span.add_event(event, {"step": fields["step"]} if "step" in fields else {})
        if event in ENDS:
            span.end()
            del self._spans[fields["job"]]
