"""Structured logs: one JSON object a line on stdout.

What callers send never gets there: prompts, names, pictures. Events carry uids, constants and
figures; of an unexpected exception only its type and where it came from, since its message may
quote what it choked on. Within a trace, events bear its id.

SIGUSR1 makes a running process tell more (debug), SIGUSR2 as much as it is set to.
"""

import logging
import sys
import traceback
from typing import Literal

import structlog
from opentelemetry import trace

Level = Literal["debug", "info", "warning", "error"]


def configure_logs() -> None:
    """Sends this process's logs, libraries' warnings included, to stdout."""
    shared: list[structlog.typing.Processor] = [
        _above_the_threshold,
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        _with_trace,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    structlog.configure(
        processors=[*shared, structlog.processors.JSONRenderer()],
        wrapper_class=structlog.make_filtering_bound_logger(logging.DEBUG),
        logger_factory=structlog.WriteLoggerFactory(file=sys.stdout),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(_LibraryFormatter())
    logging.basicConfig(level=logging.WARNING, handlers=[handler], force=True)


def set_level(level: Level) -> None:
    """From now on, events below the level are not written."""
    _Threshold.level = logging.getLevelNamesMapping()[level.upper()]


class _Threshold:
    level = logging.INFO


def _above_the_threshold(
    _logger: object, method: str, event: structlog.typing.EventDict
) -> structlog.typing.EventDict:
    if logging.getLevelNamesMapping()[method.upper()] < _Threshold.level:
        raise structlog.DropEvent
    return event


def _with_trace(
    _logger: object, _method: str, event: structlog.typing.EventDict
) -> structlog.typing.EventDict:
    context = trace.get_current_span().get_span_context()
    if context.is_valid:
        event["trace_id"] = f"{context.trace_id:032x}"
        event["span_id"] = f"{context.span_id:016x}"
    return event


class _LibraryFormatter(logging.Formatter):
    """What a library logs: its name and its constant text, never the arguments."""

    def format(self, record: logging.LogRecord) -> str:
        event: dict[str, object] = {
            "event": "library_log",
            "logger": record.name,
            "template": str(record.msg)[:200] if record.args else "",
            "line": f"{record.module}:{record.lineno}",
            "level": record.levelname.lower(),
        }
        if record.exc_info and record.exc_info[1]:
            event |= fault(record.exc_info[1])
        rendered = structlog.processors.JSONRenderer()(None, "", event)
        return rendered if isinstance(rendered, str) else rendered.decode()


def fault(error: BaseException) -> dict[str, object]:
    """An unexpected exception for the log: type and stack, and those of what caused it."""
    entry: dict[str, object] = {
        "exception": f"{type(error).__module__}.{type(error).__qualname__}",
        "stack": [
            f"{frame.filename}:{frame.lineno} {frame.name}"
            for frame in traceback.extract_tb(error.__traceback__)
        ],
    }
    if (cause := error.__cause__ or error.__context__) is not None:
        entry["cause"] = fault(cause)
    return entry
