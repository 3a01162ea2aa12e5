"""``python -m benchmarks.gpu_torch``: the sampler's loop and the trainer on a GPU, by PyTorch.

Neither TensorRT nor Triton takes part: it tells what step-level batching gains where a GPU draws,
and how long an identity takes to learn. ``benchmarks.gpu`` measures the service itself. Without a
base model it is one of Stable Diffusion 1.5's size with random weights, which take the same time.
"""

import asyncio
import statistics
import tempfile
import time
from functools import partial
from pathlib import Path
from typing import Annotated

import numpy as np
import torch
import typer

from basemodel import load
from benchmarks.crowd import median, row
from benchmarks.gpu import gpu
from benchmarks.load import Tensors, in_turn, spread
from benchmarks.peers import PROMPT, median_seconds, pipeline_of
from benchmarks.requests import Requests
from benchmarks.tables import Row, Table, comparison
from benchmarks.torch_engine import TorchEngine
from export.build import describe, write_tables
from export.precision import narrow
from export.sizes import PictureSizes
from export.target import Precision
from sampler.interface import INPUTS
from sampler.loop import Sampler
from sampler.request import parse_request
from sampler.settings import SamplerSettings
from sampler.tables import Tables
from sampler.vae import Pixels
from tests.support.full_size_checkpoint import write_full_size_checkpoint
from trainer.config import PRESETS
from trainer.loop import Training
from trainer.views import make_views

STEPS, GUIDANCE = 20, 7.5
CROWD, IDENTITIES = 16, 8
MAX_ROWS = 16
ROUNDS = 5
CONFIGS = Path(__file__).parents[1] / "tests/export/configs/sd15"


class Nobody:
    """A caller that only waits for the end."""

    def cancelled(self) -> bool:
        """Never."""
        return False

    def progress(self, done: int, total: int, queue_position: int) -> None:
        """Heard, and forgotten."""

    def preview(self, index: int, steps_done: int, pixels: Pixels) -> None:
        """Not asked for."""

    def picture(self, index: int, pixels: Pixels) -> None:
        """Seen, and forgotten."""

    def filtered(self, index: int) -> None:
        """There is no safety checker."""


def main(
    checkpoint: Annotated[Path | None, typer.Option(help="Base model.")] = None,
    steps: Annotated[int, typer.Option(min=1, max=150, help="Of each picture.")] = STEPS,
    train: Annotated[bool, typer.Option(help="Measure the trainer too.")] = True,
) -> None:
    """Measure loop and trainer by PyTorch."""
    device = "cuda" if torch.cuda.is_available() else "cpu"
    where = (
        ", ".join(f"{name} {value}" for name, value in gpu().items()) if device == "cuda" else "CPU"
    )
    with tempfile.TemporaryDirectory() as scratch:
        path = checkpoint or write_full_size_checkpoint(CONFIGS, Path(scratch) / "checkpoint")
        tables = [_training(path, device)] if train else []
        peer = _diffusers(path, device, steps)
        tables.append(asyncio.run(_serving(path, Path(scratch), device, steps, peer)))
    typer.echo(where)
    for table in tables:
        typer.echo(str(table))


def _diffusers(checkpoint: Path, device: str, steps: int) -> float:
    """Median seconds of a picture."""
    pipeline = pipeline_of(checkpoint).to(device, torch.float16 if device == "cuda" else None)
    generator = torch.Generator("cpu").manual_seed(0)
    draw = partial(
        pipeline, PROMPT, num_inference_steps=steps, guidance_scale=GUIDANCE, generator=generator
    )
    return median_seconds(draw, ROUNDS)


async def _serving(checkpoint: Path, scratch: Path, device: str, steps: int, peer: float) -> Table:
    base = load(checkpoint)
    if device == "cuda":
        narrow(base, Precision.FP16)
    directory = scratch / "bundle"
    directory.mkdir()
    write_tables(base, directory)
    np.save(directory / "latent_rgb.npy", np.zeros((base.latent_shape[0] + 1, 3), np.float32))
    bundle = describe(base, "pytorch", MAX_ROWS, PictureSizes.of(base))
    bundle.save(directory)
    engine = TorchEngine(base, device)
    tables = Tables.load(directory)
    sampler = Sampler(bundle, tables, engine, SamplerSettings())
    sampler.start()

    async def draw(tensors: Tensors) -> None:
        given = {name: tensors.get(name) for name in INPUTS}
        await sampler.draw(parse_request(given, bundle, tables.vocabulary), Nobody())

    many = Requests(directory, steps, GUIDANCE).crowd(CROWD, IDENTITIES)
    for count in range(1, MAX_ROWS // 2 + 1):  # every number of rows is captured
        await spread(draw, many[:count], 0.0)
    solo = (await in_turn(draw, many[:2])).mean
    engine.seconds.clear()
    alone, together = [], []
    for _ in range(ROUNDS):
        alone.append(await in_turn(draw, many))
        together.append(await spread(draw, many, solo / 10))
    sampler.stop()
    by_turn, by_step = median(alone), median(together)
    engine_seconds = {rows: statistics.median(each) for rows, each in engine.seconds.items()}
    step = by_turn.mean / steps
    return Table(
        "Many requests at once",
        f"{CROWD} requests of {IDENTITIES} identities, {steps} steps with guidance, "
        f"{base.image_size[0]} pixels, {1000 * solo / 10:.0f} ms (a tenth of a solo latency) "
        f"apart; medians of {ROUNDS} rounds.",
        [
            Row("diffusers, one at a time", f"{1 / peer:.2f} pictures/s"),
            row("Likeness, one at a time", by_turn),
            row("Likeness, step-level batching", by_step),
            Row("one at a time / diffusers", *comparison(by_turn.throughput * peer)),
            Row("throughput / one at a time", *comparison(by_step.throughput / by_turn.throughput)),
            Row("throughput / diffusers", *comparison(by_step.throughput * peer)),
            *(
                Row(f"U-Net, {rows} rows", f"{1000 * seconds:.1f} ms")
                for rows, seconds in sorted(engine_seconds.items())
            ),
            Row("rest of a step of one picture", f"{1000 * (step - engine_seconds[2]):.1f} ms"),
        ],
    )


def _training(checkpoint: Path, device: str) -> Table:
    base = load(checkpoint, device)
    config = PRESETS["default"]
    image = np.random.default_rng(0).integers(0, 256, (*base.image_size, 3), np.uint8)
    began = time.monotonic()
    training = Training.of(base, config, "person", [make_views(base, [image], config, 0)], [0])
    while not training.done:
        training.take_step()
    seconds = time.monotonic() - began
    return Table(
        "Learning an identity",
        f"Preset `default`: {config.steps} steps of {config.batch} rows, float32, "
        f"{base.image_size[0]} pixels, from decoded image to vectors.",
        [Row("one identity, alone", f"{seconds:.1f} s")],
    )


if __name__ == "__main__":
    typer.run(main)
