"""``python -m benchmarks.capacity``: how many of which GPU a load takes.

GPUs are known by published latencies, or by the file that ``benchmarks.gpu`` writes where one is.
"""

import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from benchmarks.fleet import Engine, sustained, trainings_per_hour
from trainer.config import PRESETS

ROWS = 2
"""Of a picture in a step, guidance included."""
MAX_ROWS = 16
TOGETHER = 8
TRAINING = PRESETS["default"]
STEP_RATIO = 3.0
"""U-Net calls of as many rows that a training's step takes, a guess: forward and backward to the
inputs are two; text transformer and attention loss come on top."""
SINGLE_PRECISION = 5.4
"""float32, in which trainings run, against the engines' float16: the RTX 3060's row of the same
table, 25.6 s against 4.7 s a picture."""


@dataclass(frozen=True)
class Gpu:
    """What is known of one.

    Attributes:
        name, source: of it, and of its figures.
        latencies: pictures drawn together, and the seconds from request to all of them.
        steps: that each took.
    """

    name: str
    source: str
    latencies: tuple[tuple[int, float], ...]
    steps: int = 50

    def engine(self) -> Engine:
        """Everything that a request takes is taken for its steps'."""
        points = [(ROWS * pictures, seconds / self.steps) for pictures, seconds in self.latencies]
        return Engine.fitted(points, MAX_ROWS)

    def training_step(self, together: int) -> float:
        """Seconds of a step of so many trainings, estimated from drawing."""
        forward = self.engine().step(together * TRAINING.batch)
        return STEP_RATIO * SINGLE_PRECISION * forward


PUBLISHED = (
    Gpu("V100 16 GB", "ONNX Runtime 1.14, batches of 1, 4, 8", ((1, 2.7), (4, 8.3), (8, 15.7))),
    Gpu("RTX 3060", "ONNX Runtime 1.14, batches of 1, 4, 8", ((1, 5.0), (4, 17.7), (8, 33.7))),
    Gpu("RTX 4080", "TensorRT's demo, one size: 52 it/s", ((1, 50 / 52),)),
    Gpu("A100 80 GB", "TensorRT 8.6, one size", ((1, 0.861),)),
    Gpu("H100 80 GB", "ONNX Runtime, one size", ((1, 0.572),)),
)
"""Stable Diffusion 1.5 at 512 px, 50 steps with guidance, float16; sources in docs/capacity.md."""


def main(
    pictures: Annotated[float, typer.Option(min=0, help="A second.")] = 10.0,
    p95: Annotated[float, typer.Option(min=0.1, help="Seconds that 95 of 100 may take.")] = 5.0,
    trainings: Annotated[float, typer.Option(min=0, help="An hour.")] = 100.0,
    steps: Annotated[int, typer.Option(min=1, max=150, help="Of a picture.")] = 50,
    measured: Annotated[
        list[Path] | None, typer.Option(help="JSON of benchmarks.gpu; may be repeated.")
    ] = None,
) -> None:
    """Say how many GPUs it takes, without spares."""
    typer.echo(
        f"{pictures:g} pictures/s of {steps} steps within {p95:g} s (p95), "
        f"{trainings:g} trainings/hour\n"
    )
    typer.echo("| GPU | pictures/s of one | for pictures | trainings/hour of one | for trainings |")
    typer.echo("|---|---|---|---|---|")
    for gpu in (*map(read, measured or ()), *PUBLISHED):
        rate = sustained(gpu.engine(), steps, ROWS, p95)
        hourly = trainings_per_hour(gpu.training_step(TOGETHER), TRAINING.steps, TOGETHER)
        typer.echo(
            f"| {gpu.name} ({gpu.source}) | {rate:.2f} | {_count(pictures, rate)} | {hourly:.0f} "
            f"| {_count(trainings, hourly)} |"
        )


def read(path: Path) -> Gpu:
    """A GPU that was measured."""
    found = json.loads(path.read_text())
    rows = found["rows"]
    latencies = tuple((row["pictures"], row["median_seconds"]) for row in rows)
    return Gpu(found["machine"]["gpu"], "measured", latencies, rows[0]["steps"])


def _count(wanted: float, rate: float) -> str:
    return str(math.ceil(wanted / rate)) if rate else "out of reach"


if __name__ == "__main__":
    typer.run(main)
