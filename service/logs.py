"""Structured logs: one JSON object a line on stdout.

What callers send never gets there: prompts, names, pictures. Events carry uids, constants and
figures; of an unexpected exception only its type and where it came from, since its message may
quote what it choked on.
"""

import logging
import sys
import traceback

import structlog


def configure_logs() -> None:
    """Sends this process's logs, libraries' warnings included, to stdout."""
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    structlog.configure(
        processors=[*shared, structlog.processors.JSONRenderer()],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        logger_factory=structlog.WriteLoggerFactory(file=sys.stdout),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(_LibraryFormatter())
    logging.basicConfig(level=logging.WARNING, handlers=[handler], force=True)


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
