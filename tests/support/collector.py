"""Takes spans over OTLP/HTTP, as a collector does."""

import gzip
import json
import threading
from base64 import b64decode
from collections.abc import Callable
from dataclasses import dataclass
from email.message import Message
from typing import Any

from google.protobuf.json_format import MessageToDict
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from tests.support.post_server import PostServer


@dataclass(frozen=True)
class Span:
    """A span that was sent; ids are hexadecimal, ``parent`` is "" for a root.

    ``text`` is all that it says.
    """

    process: str
    name: str
    trace_id: str
    span_id: str
    parent: str
    text: str


def paths(spans: list[Span], trace: str) -> list[str]:
    """Each span of a trace with those around it, outermost first."""
    found = {span.span_id: span for span in spans if span.trace_id == trace}

    def path(span: Span) -> str:
        own = f"{span.process} {span.name}"
        return f"{path(found[span.parent])} > {own}" if span.parent in found else own

    return sorted(map(path, found.values()))


class Collector(PostServer):
    """A collector for as long as a ``with`` block lasts.

    Attributes:
        url: for ``OTEL_EXPORTER_OTLP_ENDPOINT``.
        spans: what has come so far.
    """

    def __init__(self) -> None:
        super().__init__()
        self.spans: list[Span] = []
        self._came = threading.Condition()
        self.url = f"http://127.0.0.1:{self.port}"

    def wait_until(self, enough: Callable[[list[Span]], bool], seconds: float) -> list[Span]:
        """The spans, as soon as there are enough of them; in any case after so many seconds."""
        with self._came:
            self._came.wait_for(lambda: enough(self.spans), seconds)
            return list(self.spans)

    def take(self, headers: Message, body: bytes) -> None:
        if headers.get("Content-Encoding") == "gzip":
            body = gzip.decompress(body)
        if headers["Content-Type"] == "application/json":
            spans = _spans_of(json.loads(body))
        else:
            spans = _spans_of(MessageToDict(ExportTraceServiceRequest.FromString(body)))
        with self._came:
            self.spans += spans
            self._came.notify_all()


def _spans_of(request: dict[str, Any]) -> list[Span]:
    """The spans of a request in JSON, where Triton's ids are hexadecimal and protobuf's base64."""
    found = []
    for group in request["resourceSpans"]:
        attributes = {each["key"]: each["value"] for each in group["resource"]["attributes"]}
        process = attributes["service.name"]["stringValue"]
        for span in (span for scope in group["scopeSpans"] for span in scope["spans"]):
            ids = (_hex(span.get(each, "")) for each in ("traceId", "spanId", "parentSpanId"))
            found.append(Span(process, span["name"], *ids, json.dumps(span)))
    return found


def _hex(text: str) -> str:
    return text.lower() if len(text) in (0, 16, 32) else b64decode(text).hex()
