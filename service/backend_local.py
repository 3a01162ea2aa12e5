"""Runs each training in a subprocess of this machine: ``python -m trainer``.

A job's directory holds the image, the trainer's checkpoints and the artifact. The trainer inherits
the reading end of a pipe whose other end only the gateway holds: however the gateway dies, the
trainer sees the end of the pipe and leaves.
"""

import asyncio
import contextlib
import json
import os
import shutil
import signal
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import structlog

from identity import digest
from service.jobs import AttemptFailedError, InputRefusedError, Job, Report, WorkerBusyError
from service.store import TrainingProgress

log = structlog.get_logger()

EXIT_INPUT, EXIT_BUSY = 2, 3
MAX_LINE = 2**20
STDERR_TAIL = 4096


class LocalBackend:
    """Subprocesses on this machine.

    Args:
        work_dir: one directory per job below it.
        trainer: the trainer's command.
        base_model: what identities are learned on.
    """

    def __init__(self, work_dir: Path, trainer: Sequence[str], base_model: str) -> None:
        self._work_dir = work_dir
        self._trainer = trainer
        self._base_model = base_model

    async def train(self, worker: int, job: Job, report: Report) -> bytes:  # noqa: ARG002
        directory = self._work_dir / job.uid
        image, artifact = directory / "image", directory / "identity.safetensors"
        await asyncio.to_thread(_write, image, job.image)
        command = [
            *self._trainer,
            *("--image", str(image)),
            *("--out", str(artifact)),
            *("--work-dir", str(directory / "checkpoints")),
            *("--base-model", self._base_model),
            *("--class-noun", job.class_noun),
            *("--preset", job.preset),
            *("--seed", str(job.seed)),
        ]
        async with _running(command) as process:
            tail = asyncio.create_task(_tail(process))
            try:
                last = await _read_events(process, report)
                code = await process.wait()
                stderr = await tail
            finally:
                tail.cancel()
        log.info("trainer_exited", operation=job.uid, code=code)
        if code == 0:
            return await asyncio.to_thread(_read_artifact, artifact, last)
        message = str(last.get("message", ""))
        if code == EXIT_INPUT and "reason" in last:
            raise InputRefusedError(str(last["reason"]), message or "the trainer refuses the input")
        if code == EXIT_BUSY:
            raise WorkerBusyError
        log.warning("trainer_failed", operation=job.uid, code=code, stderr=stderr)
        raise AttemptFailedError(message or _described(code))

    async def close(self) -> None:
        """Nothing is left: a trainer ends with the call that began it."""

    async def forget(self, uid: str) -> None:
        await asyncio.to_thread(shutil.rmtree, self._work_dir / uid, ignore_errors=True)

    async def kept(self) -> list[str]:
        def names() -> list[str]:
            return [entry.name for entry in self._work_dir.iterdir() if entry.is_dir()]

        return await asyncio.to_thread(names)


@asynccontextmanager
async def _running(command: Sequence[str]) -> AsyncIterator[Process]:
    """A trainer; whatever ends the block, neither it nor a child of it is left afterwards."""
    theirs, ours = os.pipe()
    try:
        process = await asyncio.create_subprocess_exec(
            *command,
            *("--parent-fd", str(theirs)),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=PIPE,
            stderr=PIPE,
            pass_fds=(theirs,),
            start_new_session=True,
            limit=MAX_LINE,
        )
    except BaseException:
        os.close(ours)
        raise
    finally:
        os.close(theirs)
    try:
        yield process
    finally:
        if process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
        os.close(ours)
        await asyncio.shield(process.wait())


async def _read_events(process: Process, report: Report) -> dict[str, Any]:
    """Reports progress; returns the last event that tells how it ended, else an empty one."""
    assert process.stdout is not None
    last: dict[str, Any] = {}
    async for line in process.stdout:
        try:
            event = json.loads(line, parse_constant=_not_a_number)
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
                case "finished" | "failed":
                    last = event
        except (ValueError, TypeError, KeyError):
            log.warning("trainer_line_unreadable")
    return last


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
    path.parent.mkdir(parents=True, exist_ok=True)
    aside = path.with_suffix(".tmp")
    aside.write_bytes(data)
    aside.replace(path)


def _read_artifact(path: Path, finished: dict[str, Any]) -> bytes:
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
