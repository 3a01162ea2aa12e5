"""A warm trainer in a subprocess, ``python -m trainer.work``: commands in, events out.

The trainer sees the end of its standard input however this process dies, and leaves.
"""

import asyncio
import contextlib
import json
import os
import signal
from asyncio.subprocess import PIPE, Process
from base64 import b64decode
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import structlog

from identity import digest
from service.jobs import AttemptFailedError, InputRefusedError, Job, Report, WorkerBusyError
from service.store import TrainingProgress

log = structlog.get_logger()

MAX_LINE = 4 * 2**20
STDERR_TAIL = 4096
STOP_SECONDS = 1.5
"""How long a job may take to stop, between two steps; then its worker is killed.

But not one that still loads the model for others too: killed for every caller who changes their
mind, it would never be ready. It reads the stop together with the job, and does not begin it.
"""

Event = dict[str, Any]


class WorkerGoneError(Exception):
    """The worker had left before it took the job; a new one can take it."""


class WorkerProcess:
    """One trainer process and the jobs that it has in hand.

    Args:
        process: just started, in a session of its own.
    """

    def __init__(self, process: Process) -> None:
        self._process = process
        self._events: dict[str, asyncio.Queue[Event | None]] = {}
        self._loaded = False  # whether it has taken a job in hand
        self._killed = False
        self._last_words = ""  # why the worker gave up, as it told itself
        self._tail = asyncio.create_task(_tail(process))
        self._pump = asyncio.create_task(self._read())

    @classmethod
    async def start(cls, command: Sequence[str]) -> "WorkerProcess":
        """Starts a trainer."""
        return cls(
            await asyncio.create_subprocess_exec(
                *command,
                stdin=PIPE,
                stdout=PIPE,
                stderr=PIPE,
                start_new_session=True,
                limit=MAX_LINE,
            )
        )

    @property
    def gone(self) -> bool:
        """Whether it takes no more jobs."""
        return self._pump.done()

    async def train(self, job: Job, directory: Path, report: Report) -> bytes:
        """Trains a job in its directory; see :meth:`service.jobs.JobBackend.train`.

        Raises:
            WorkerGoneError: the job was not begun.
        """
        image, artifact = directory / "image", directory / "identity.safetensors"
        await asyncio.to_thread(_write, image, job.image)
        if self.gone:
            raise WorkerGoneError
        events = self._events[job.uid] = asyncio.Queue()
        try:
            self._send(
                command="train",
                job=job.uid,
                image=str(image),
                out=str(artifact),
                work=str(directory / "checkpoints"),
                class_noun=job.class_noun,
                preset=job.preset,
                seed=job.seed,
                previews=job.previews,
                traceparent=job.traceparent,
            )
            finished = await self._follow(events, report)
        except BaseException:
            stopping = asyncio.create_task(self._stop(job.uid, events))
            try:
                await asyncio.shield(stopping)
            except asyncio.CancelledError:  # while it stops for another reason
                await asyncio.wait([stopping])
                raise
            raise
        finally:
            del self._events[job.uid]
        return await asyncio.to_thread(_read_artifact, artifact, finished)

    async def kill(self) -> None:
        """Ends it at once, and with it its children. Its other jobs are not to blame."""
        self._killed = True
        if self._process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
        await asyncio.shield(self._pump)

    def _send(self, **command: object) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(command).encode() + b"\n")

    async def _follow(self, events: "asyncio.Queue[Event | None]", report: Report) -> Event:
        """Reports progress until the job is finished; returns the event that says so."""
        begun = False
        while (event := await events.get()) is not None:
            match event["event"]:
                case "finished":
                    return event
                case "failed":
                    raise _failure(event)
                case _:
                    begun = True
                    await _report(event, report)
        code = await self._process.wait()
        if code == 0 and not begun:
            raise WorkerGoneError
        if self._killed:
            raise WorkerBusyError
        raise AttemptFailedError(self._last_words or _described(code))

    async def _stop(self, uid: str, events: "asyncio.Queue[Event | None]") -> None:
        """Returns when nothing of the job runs any more."""
        if self.gone:
            return
        self._send(command="stop", job=uid)
        try:
            async with asyncio.timeout(STOP_SECONDS):
                while (event := await events.get()) is not None and event["event"] != "stopped":
                    pass
        except TimeoutError:
            if not self._loaded and len(self._events) > 1:
                return
            log.warning("worker_killed", reason="a job did not stop")
            await self.kill()

    async def _read(self) -> None:
        """Hands each job its events, until the process has ended."""
        assert self._process.stdout is not None
        async for line in self._process.stdout:
            try:
                event = json.loads(line, parse_constant=_not_a_number)
                if "job" in event:
                    self._loaded |= event["event"] != "stopped"
                    if (queue := self._events.get(event["job"])) is not None:
                        queue.put_nowait(event)
                elif event["event"] == "failed":
                    self._last_words = str(event["message"])
            except (ValueError, TypeError, KeyError):
                log.warning("trainer_line_unreadable")
        code, stderr = await self._process.wait(), await self._tail
        log.info("worker_exited", code=code, jobs=len(self._events))
        if code:
            log.warning("worker_failed", code=code, stderr=stderr)
        for queue in self._events.values():
            queue.put_nowait(None)


async def _report(event: Event, report: Report) -> None:
    try:
        match event["event"]:
            case "started":
                await report(TrainingProgress(event["resumed_from"], event["total_steps"]))
            case "progress":
                await report(
                    TrainingProgress(
                        step=event["step"],
                        total_steps=event["total_steps"],
                        loss=event["loss"],
                        denoising_loss=event["denoising_loss"],
                        attention_loss=event["attention_loss"],
                        seconds_left=event["seconds_left"],
                    )
                )
            case "preview":
                await report.preview(b64decode(event["png"]))
    except (ValueError, TypeError, KeyError):
        log.warning("trainer_line_unreadable")


def _failure(event: Event) -> Exception:
    reason, message = str(event.get("reason", "")), str(event.get("message", ""))
    if event.get("input"):
        return InputRefusedError(reason, message or "the trainer refuses the input")
    if reason == "LOCKED":
        return WorkerBusyError()
    return AttemptFailedError(message or "the trainer gave up")


def _not_a_number(text: str) -> float:
    raise ValueError(f"{text} is not a figure to show")


async def _tail(process: Process) -> str:
    """The end of what the trainer logs; it knows neither names nor prompts of callers."""
    assert process.stderr is not None
    kept = b""
    while chunk := await process.stderr.read(STDERR_TAIL):
        kept = (kept + chunk)[-STDERR_TAIL:]
    return kept.decode(errors="replace")


def _write(path: Path, data: bytes) -> None:
    """For one reader, who is told afterwards; each attempt writes it anew."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)


def _read_artifact(path: Path, finished: Event) -> bytes:
    try:
        data = path.read_bytes()
    except FileNotFoundError as error:
        raise AttemptFailedError("the trainer ended without an artifact") from error
    if digest(data) != finished.get("digest"):
        raise AttemptFailedError("the trainer's artifact is not the one it reported")
    return data


def _described(code: int) -> str:
    if code >= 0:
        return f"the trainer ended with exit code {code}"
    try:
        return f"the trainer was killed by {signal.Signals(-code).name}"
    except ValueError:
        return f"the trainer was killed by signal {-code}"
