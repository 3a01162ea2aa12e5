"""Trainings through a real gateway: time from submit to READY, and what kills do to a stream."""

import asyncio
import io
import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import grpc
from PIL import Image

from client import LikenessClient, LikenessError
from client.training import Training
from faceworld import source_image
from identity import digest

READY_SECONDS = 120
KILL_EVERY = (1.0, 12.0)  # seconds: some fall into a start, some into a training
SHORT_STEPS = 12


@dataclass
class Gateway:
    """``python -m service`` on a directory; its workers are its children."""

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

    def workers(self) -> list[int]:
        """Pids of its workers."""
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


@dataclass(frozen=True)
class Survival:
    """What came of a stream of jobs under fire."""

    kills: int
    jobs: int
    lost: int
    damaged: int


async def survive(checkpoint: Path, home: Path, port: int, kills: int) -> Survival:
    """Submits short jobs and kills the gateway or a worker at random, then counts.

    Attempts are not limited: the kills here are more than the three that a training may take.
    """
    short = ["-m", "trainer.work", "--set", f"steps={SHORT_STEPS}", "--set", "views=4"]
    settings = {
        "JOBS__TRAINER": json.dumps([sys.executable, *short]),
        "JOBS__MAX_FAILURES": str(kills + 2),
        "JOBS__RETRY_SECONDS": "0.1",
    }
    gateway = Gateway(home, checkpoint, port, settings)
    draw = random.Random(0)
    async with running(gateway) as client:
        names: list[str] = []
        for number in range(kills):
            training = await client.start_training(picture(number), f"job-{number}")
            names.append(training.name)
            await asyncio.sleep(draw.uniform(*KILL_EVERY))
            workers = gateway.workers()
            if workers and draw.random() < 0.5:
                os.kill(draw.choice(workers), signal.SIGKILL)
            else:
                gateway.kill()
                await asyncio.to_thread(gateway.start)
        lost = damaged = 0
        for name in names:
            identity = (await _ended(client, name)).identity
            if identity is None:
                lost += 1
                continue
            artifacts = list((home / "blobs" / "artifacts" / identity.uid).iterdir())
            whole = [digest(each.read_bytes()) for each in artifacts] == [identity.artifact_digest]
            damaged += not whole
    return Survival(kills, len(names), lost, damaged)


async def _ended(client: LikenessClient, name: str) -> Training:
    """A training when it is done; the gateway may just be starting again."""
    while True:
        try:
            return await client.wait_operation(name)
        except LikenessError as error:
            if error.code is not grpc.StatusCode.UNAVAILABLE:
                raise


def picture(index: int) -> bytes:
    """A person of the face world, as a PNG."""
    buffer = io.BytesIO()
    Image.fromarray(source_image(index)).save(buffer, "PNG")
    return buffer.getvalue()
