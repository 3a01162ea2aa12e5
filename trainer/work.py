"""``python -m trainer.work``: a worker that trains the jobs it is given, until it is told no more.

It reads commands from standard input and writes events to standard output, JSON objects a line:

    {"command": "train", "job": UID, "image": PATH, "out": PATH, "work": PATH, "class_noun": ...,
     "preset": ..., "seed": ..., "previews": ..., "traceparent": ...}
    {"command": "stop", "job": UID}

Every command is answered by events of that job, see :class:`trainer.worker.Worker`; a ``failed``
event tells whether the input is at fault, and so no retry can help. A job that is stopped before
it is taken in hand, perhaps while the model loads, is ``stopped`` at once and never begun.

Exit status: 0 idle for too long, or without jobs and above the memory limit; 1 the base model can't
be used, or all jobs are lost; 4 the parent is gone (standard input has ended).
"""

import argparse
import json
import os
import sys
import threading
import traceback
from pathlib import Path
from typing import TYPE_CHECKING, Any

from telemetry.tracing import start_tracing
from trainer.options import add_settings
from trainer.process import LockedError, resident_bytes, spin_briefly
from trainer.progress import Events, JsonLines
from trainer.tracing import TracedEvents

if TYPE_CHECKING:
    from trainer.worker import Worker

FAILED, PARENT_GONE = 1, 4
Command = dict[str, Any]


def main() -> int:
    """Works until idle for too long; returns the exit status."""
    end_tracing = start_tracing("likeness-trainer")
    try:
        return _work()
    finally:
        end_tracing()


def _work() -> int:
    arguments = _parser().parse_args()
    events = TracedEvents(JsonLines(sys.stdout))
    commands = _Commands(events)
    # From the first moment on, so that a worker is gone with its parent even while torch loads.
    threading.Thread(target=_read, args=(commands,), daemon=True).start()
    try:
        worker = _worker(arguments.base_model, events)
    except Exception as error:
        traceback.print_exc()
        events("failed", reason="BASE_MODEL", message=str(error), input=False)
        return FAILED
    while True:
        command = commands.take(arguments.idle_seconds if worker.idle else 0.0)
        if command is not None:
            _obey(command, worker, events, dict(arguments.set))
        elif worker.idle:
            return 0
        else:
            worker.advance()
        if worker.idle and commands.empty and resident_bytes() > arguments.memory_limit:
            return 0


class _Commands:
    """Commands on their way from the thread that reads them to the one that obeys."""

    def __init__(self, events: Events) -> None:
        self._events = events
        self._waiting: list[Command] = []
        self._changed = threading.Condition()

    @property
    def empty(self) -> bool:
        """Whether none waits."""
        return not self._waiting

    def put(self, command: Command) -> None:
        """Adds one; a job that still waits is stopped here and now."""
        with self._changed:
            if command["command"] == "stop" and self._drop(command["job"]):
                self._events("stopped", job=command["job"])
            else:
                self._waiting.append(command)
                self._changed.notify()

    def take(self, seconds: float) -> Command | None:
        """The next one, or None if none comes in some seconds."""
        with self._changed:
            self._changed.wait_for(lambda: self._waiting, seconds)
            return self._waiting.pop(0) if self._waiting else None

    def _drop(self, uid: str) -> bool:
        """Whether the job was waiting to be taken in hand; it waits no more."""
        for command in self._waiting:
            if (command["command"], command["job"]) == ("train", uid):
                self._waiting.remove(command)
                return True
        return False


def _worker(base_model: str, events: Events) -> "Worker":
    spin_briefly()
    import torch
    from transformers.utils.logging import disable_progress_bar

    from basemodel import load
    from trainer.worker import Worker

    disable_progress_bar()  # type: ignore[no-untyped-call]
    return Worker(load(base_model, "cuda" if torch.cuda.is_available() else "cpu"), events)


def _obey(
    command: Command, worker: "Worker", events: TracedEvents, changes: dict[str, Any]
) -> None:
    from trainer.config import configured
    from trainer.errors import InputError
    from trainer.job import Job

    uid = command["job"]
    if command["command"] == "stop":
        worker.stop(uid)
        return
    events.begin(uid, command["traceparent"])
    try:
        worker.add(
            Job(
                uid=uid,
                images=(Path(command["image"]),),
                out=Path(command["out"]),
                work=Path(command["work"]),
                class_noun=command["class_noun"],
                config=configured(command["preset"], changes),
                seed=command["seed"],
                previews=command["previews"],
            )
        )
    except InputError as error:
        events("failed", job=uid, reason=error.reason, message=str(error), input=True)
    except LockedError as error:
        events("failed", job=uid, reason="LOCKED", message=str(error), input=False)
    except Exception:
        traceback.print_exc()
        message = "training failed, see the trainer's log"
        events("failed", job=uid, reason="INTERNAL", message=message, input=False)


def _read(commands: _Commands) -> None:
    for line in sys.stdin:
        commands.put(json.loads(line))
    os._exit(PARENT_GONE)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m trainer.work", description="Trains the jobs that it is given."
    )
    parser.add_argument("--base-model", required=True, help="diffusers directory or hub id")
    parser.add_argument("--idle-seconds", type=float, required=True, help="then it leaves")
    parser.add_argument(
        "--memory-limit", type=int, required=True, help="bytes, above which it leaves when idle"
    )
    add_settings(parser)
    return parser


if __name__ == "__main__":
    sys.exit(main())
