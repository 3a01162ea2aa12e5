"""Runs the `likeness` command as a process."""

import asyncio
import json
import os
import signal
import sys
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Finished:
    """How a command ended."""

    code: int
    stdout: str
    stderr: str

    @property
    def lines(self) -> list[dict[str, Any]]:
        """JSON lines of stdout; each line must be one."""
        return [json.loads(line) for line in self.stdout.splitlines()]


async def start(
    address: str, *arguments: str, program: str = "client"
) -> asyncio.subprocess.Process:
    """Starts the command."""
    return await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", program, *arguments),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env={**os.environ, "LIKENESS_ADDRESS": address},
    )


async def finish(process: asyncio.subprocess.Process) -> Finished:
    """Waits for the end."""
    stdout, stderr = await process.communicate()
    assert process.returncode is not None
    return Finished(process.returncode, stdout.decode(), stderr.decode())


async def run(address: str, *arguments: str, program: str = "client") -> Finished:
    """Runs the command to its end."""
    return await finish(await start(address, *arguments, program=program))


async def interrupt(process: asyncio.subprocess.Process) -> Finished:
    """Presses Ctrl-C and waits for the end."""
    process.send_signal(signal.SIGINT)
    return await finish(process)
