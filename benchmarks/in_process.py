"""The sampler's loop with the engines in its own process: what the way to Triton's costs."""

import asyncio
from collections.abc import Mapping
from pathlib import Path

import torch

from benchmarks.requests import Tensors
from export.runtimes import load
from identity import ServingBundle
from sampler.engine import Array
from sampler.loop import Sampler
from sampler.request import parse_request
from sampler.settings import SamplerSettings
from sampler.tables import Tables
from sampler.vae import Pixels


class ThreadedEngine:
    """Runs a bundle's models in threads of this process."""

    def __init__(self, bundle: Path, engine: str) -> None:
        names = ("text_encoder", "unet", "vae_decoder")
        self._runtimes = {name: load(engine, bundle / "models" / name / "1") for name in names}

    async def __call__(
        self,
        model: str,
        inputs: Mapping[str, Array],
        output: str,  # noqa: ARG002  (each model has one)
    ) -> Array:
        """Runs a model; see :class:`sampler.engine.Engine`."""
        return await asyncio.to_thread(self._runtimes[model], inputs)


class Silent:
    """A caller that only waits for the end."""

    def cancelled(self) -> bool:
        """It stays."""
        return False

    def progress(self, done: int, total: int, queue_position: int) -> None:
        """Not looked at."""

    def preview(self, index: int, steps_done: int, pixels: Pixels) -> None:
        """Not looked at."""

    def picture(self, index: int, pixels: Pixels) -> None:
        """Not looked at."""

    def filtered(self, index: int) -> None:
        """Not looked at."""


async def row_seconds(bundle: Path, requests: list[Tensors], rounds: int) -> float:
    """Mean time of a row in the steps of requests that are drawn together."""
    torch.set_num_threads(1)  # as in Triton's process: the cores are the engines'
    description = ServingBundle.load(bundle)
    tables = Tables.load(bundle)
    engine = ThreadedEngine(bundle, description.engine)
    sampler = Sampler(description, tables, engine, SamplerSettings())
    sampler.start()
    wanted = [parse_request(each, description, tables.vocabulary) for each in requests]

    async def draw_all() -> None:
        await asyncio.gather(*(sampler.draw(each, Silent()) for each in wanted))

    await draw_all()  # the first call of a batch size is slow
    statistics = sampler.statistics
    rows, seconds = statistics.rows, statistics.step_seconds
    for _ in range(rounds):
        await draw_all()
    sampler.stop()
    return (statistics.step_seconds - seconds) / (statistics.rows - rows)
