"""Trainings through a real gateway, and the time from submit to READY."""

import asyncio
import io
import os
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import grpc
from PIL import Image

from client import LikenessClient
from faceworld import source_image

READY_SECONDS = 120


@dataclass
class Gateway:
    """``python -m service`` on a directory."""

    home: Path
    checkpoint: Path
    port: int
    settings: dict[str, str]
    process: subprocess.Popen[bytes] | None = None

    @property
    def address(self) -> str:
        """Where it listens."""
        return f"127.0.0.1:{self.port}"

    def start(self) -> None:
        """Starts it and waits until it answers."""
        settings = {
            "LISTEN": self.address,
            "METRICS_LISTEN": f"127.0.0.1:{self.port + 1}",
            "TRITON__URL": f"127.0.0.1:{self.port + 2}",
            "BUNDLE": str(self.home / "no-bundle"),
            "BASE_MODEL": str(self.checkpoint.absolute()),
            "DATABASE__URL": f"sqlite+aiosqlite:///{self.home}/likeness.db",
            "BLOBS__URL": (self.home / "blobs").absolute().as_uri(),
            "JOBS__WORK_DIR": str(self.home / "jobs"),
            **self.settings,
        }
        environment = {f"LIKENESS_{name}": value for name, value in settings.items()}
        with (self.home / "gateway.log").open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "service"],
                env={**os.environ, **environment},
                stdout=log,
                stderr=log,
            )
        with grpc.insecure_channel(self.address) as channel:
            grpc.channel_ready_future(channel).result(READY_SECONDS)

    def children(self) -> list[int]:
        """Pids of the processes that it started: trainers, and decoders of pictures."""
        assert self.process is not None
        tasks = Path(f"/proc/{self.process.pid}/task")
        return [
            int(pid) for task in tasks.iterdir() for pid in (task / "children").read_text().split()
        ]

    def kill(self) -> None:
        """kill -9."""
        assert self.process is not None
        self.process.kill()
        self.process.wait()


@asynccontextmanager
async def running(gateway: Gateway) -> AsyncIterator[LikenessClient]:
    """A gateway and its client; both are gone afterwards."""
    gateway.home.mkdir(parents=True)
    await asyncio.to_thread(gateway.start)
    try:
        async with LikenessClient(gateway.address) as client:
            yield client
    finally:
        gateway.kill()


async def submit_to_ready(checkpoint: Path, home: Path, port: int) -> tuple[float, float]:
    """Seconds of a first training, its worker's start included, and of a second one."""
    async with running(Gateway(home, checkpoint, port, {})) as client:
        seconds = []
        for index in range(2):
            began = time.monotonic()
            async for _ in client.train(picture(index), f"person-{index}"):
                pass
            seconds.append(time.monotonic() - began)
    return seconds[0], seconds[1]


def picture(index: int) -> bytes:
    """A person of the face world, as a PNG."""
    buffer = io.BytesIO()
    Image.fromarray(source_image(index)).save(buffer, "PNG")
    return buffer.getvalue()
