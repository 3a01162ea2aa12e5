"""What a training tells: JSON lines for a parent process, a progress bar for a person."""

import json
import sys
import threading
from contextlib import AbstractContextManager, nullcontext
from typing import Any, Protocol, TextIO

from rich.console import Console
from rich.progress import Progress, TaskID, TextColumn, TimeRemainingColumn


class Events(Protocol):
    """Where events go. Every event is a flat object with its name under ``event``."""

    def __call__(self, event: str, **fields: Any) -> None:
        """Tells one event."""


class JsonLines:
    """One JSON object a line, flushed at once, whichever thread tells it."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._lock = threading.Lock()

    def __call__(self, event: str, **fields: Any) -> None:
        """Writes the line."""
        line = json.dumps({"event": event, **fields}) + "\n"
        with self._lock:
            self._stream.write(line)
            self._stream.flush()


class ProgressBar(Progress):
    """A bar on standard error."""

    def __init__(self) -> None:
        columns = (*Progress.get_default_columns()[:3], TimeRemainingColumn())
        super().__init__(
            *columns, TextColumn("loss {task.fields[loss]:.4f}"), console=Console(stderr=True)
        )
        self._bar: TaskID = self.add_task("learning", total=None, loss=0.0)

    def __call__(self, event: str, **fields: Any) -> None:
        """Moves the bar, or says how it ended."""
        if event == "started":
            self.update(self._bar, total=fields["total_steps"], completed=fields["resumed_from"])
        elif event == "progress":
            self.update(self._bar, completed=fields["step"], loss=fields["loss"])
        elif event == "finished":
            self.console.print(f"learned in {fields['seconds']} s: {fields['digest']}")
        elif event == "failed":
            self.console.print(f"failed: {fields['message']}")


def events_for(stream: TextIO) -> AbstractContextManager[Events]:
    """JSON lines on the stream; a progress bar instead when it is a terminal."""
    return ProgressBar() if stream.isatty() else nullcontext(JsonLines(stream))


def to_stderr(message: str) -> None:
    """A line of log; standard output is for events only."""
    print(message, file=sys.stderr, flush=True)
