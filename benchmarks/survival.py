"""``python -m benchmarks.survival``: a stream of trainings whose processes are killed at random.

Prints what became of them and writes it to docs/benchmarks.md.
"""

import asyncio
import json
import os
import random
import signal
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import grpc
import typer
from rich.progress import track

from benchmarks.machine import description
from benchmarks.tables import Row, Table, write_section
from benchmarks.training_service import Gateway, picture, running
from client import LikenessClient, LikenessError
from client.training import Training
from identity import digest

PORT = 51070
KILL_EVERY = (1.0, 12.0)  # seconds: some fall into a start, some into a training
SHORT = ("--set", "steps=12", "--set", "views=4")


@dataclass(frozen=True)
class Survival:
    """What came of a stream of jobs under fire."""

    gateways: int
    children: int
    jobs: int
    lost: int
    damaged: int


def main(
    checkpoint: Annotated[Path, typer.Option(help="Base model.")] = Path("faceworld/checkpoint"),
    page: Annotated[Path, typer.Option(help="Where the table goes.")] = Path("docs/benchmarks.md"),
    kills: Annotated[int, typer.Option(help="Processes to kill.")] = 200,
    seed: Annotated[int, typer.Option(help="Of whom to kill, and when.")] = 0,
) -> None:
    """Kill processes while they train."""
    with tempfile.TemporaryDirectory() as scratch:
        survival = asyncio.run(survive(checkpoint, Path(scratch) / "gateway", kills, seed))
    table = _table(survival)
    typer.echo(str(table))
    text = [
        f"Written by `python -m benchmarks.survival --kills {kills} --seed {seed}`.",
        "",
        f"Machine: {description()}",
    ]
    write_section(page, "Survival of trainings", text, [table])


async def survive(checkpoint: Path, home: Path, kills: int, seed: int) -> Survival:
    """Submits a short job before each kill, of the gateway or one of its processes, then counts.

    Attempts are not limited: the kills here are more than the three that a training may take.
    """
    settings = {
        "JOBS__TRAINER": json.dumps([sys.executable, "-m", "trainer.work", *SHORT]),
        "JOBS__MAX_FAILURES": str(kills + 2),
        "JOBS__RETRY_SECONDS": "0.1",
    }
    gateway = Gateway(home, checkpoint, PORT, settings)
    draw = random.Random(seed)
    gateways = lost = damaged = 0
    async with running(gateway) as client:
        names: list[str] = []
        for number in track(range(kills), "kills"):
            training = await client.start_training(picture(number), f"job-{number}")
            names.append(training.name)
            await asyncio.sleep(draw.uniform(*KILL_EVERY))
            children = gateway.children()
            if children and draw.random() < 0.5:
                os.kill(draw.choice(children), signal.SIGKILL)
            else:
                gateways += 1
                gateway.kill()
                await asyncio.to_thread(gateway.start)
        for name in track(names, "trainings that end"):
            identity = (await _ended(client, name)).identity
            if identity is None:
                lost += 1
                continue
            artifacts = list((home / "blobs" / "artifacts" / identity.uid).iterdir())
            whole = [digest(each.read_bytes()) for each in artifacts] == [identity.artifact_digest]
            damaged += not whole
    return Survival(gateways, kills - gateways, len(names), lost, damaged)


async def _ended(client: LikenessClient, name: str) -> Training:
    """A training when it is done; the gateway may just be starting again."""
    while True:
        try:
            return await client.wait_operation(name)
        except LikenessError as error:
            if error.code is not grpc.StatusCode.UNAVAILABLE:
                raise


def _table(survival: Survival) -> Table:
    rows = [
        Row("kills -9 of the gateway", str(survival.gateways)),
        Row("kills -9 of its trainer, or of what decodes its pictures", str(survival.children)),
        Row("jobs submitted meanwhile", str(survival.jobs)),
        Row("jobs lost", str(survival.lost), "0"),
        Row("artifacts that fail their digest", str(survival.damaged), "0"),
    ]
    return Table("Killed at random", "A stream of short jobs, one before each kill.", rows)


if __name__ == "__main__":
    typer.run(main)
