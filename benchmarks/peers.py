"""The peer everybody knows: diffusers' pipeline on the same checkpoint and the same CPU."""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import torch
from diffusers import DDIMScheduler, StableDiffusionPipeline

from benchmarks.load import GRACE_SECONDS
from benchmarks.machine import cores

PROMPT = "a photo of a person"

HOPELESS = 4
"""A setting whose first picture takes this many times the best one's is not tried again: a CPU
without bfloat16 takes half a minute a picture."""


@dataclass(frozen=True)
class Peer:
    """The pipeline in the setting that is best here.

    Attributes:
        setting: the data type and number of threads.
        tried: seconds of a picture in all settings.
        draw: draws a picture.
    """

    setting: str
    tried: dict[str, float]
    draw: Callable[[], None]

    async def seconds(self) -> float:
        """Draws one picture now, beside whatever else goes on; the time it took."""
        await asyncio.sleep(GRACE_SECONDS)
        return await asyncio.to_thread(_timed, self.draw)


def diffusers_pipeline(checkpoint: Path, steps: int, guidance: float, rounds: int) -> Peer:
    """The quickest of float32 and bfloat16 and of one to all cores, by the medians of rounds."""
    tried: dict[str, float] = {}
    draws: dict[str, Callable[[], None]] = {}
    for dtype in (torch.float32, torch.bfloat16):
        pipeline = pipeline_of(checkpoint).to(dtype)
        for threads in range(1, cores() + 1):
            draw = partial(_draw, pipeline, threads, steps, guidance)
            name = f"{str(dtype).removeprefix('torch.')}, {threads} threads"
            draws[name] = draw
            tried[name] = median_seconds(draw, rounds, min(tried.values(), default=float("inf")))
    setting = min(tried, key=lambda name: tried[name])
    return Peer(setting, tried, draws[setting])


def _draw(pipeline: Any, threads: int, steps: int, guidance: float) -> None:
    torch.set_num_threads(threads)
    generator = torch.Generator("cpu").manual_seed(0)
    pipeline(PROMPT, num_inference_steps=steps, guidance_scale=guidance, generator=generator)


def pipeline_of(checkpoint: Path) -> Any:
    """Diffusers' pipeline of a base model, with DDIM and without a progress bar."""
    pipelines: Any = StableDiffusionPipeline
    schedulers: Any = DDIMScheduler
    pipeline = pipelines.from_pretrained(checkpoint)
    pipeline.scheduler = schedulers.from_config(pipeline.scheduler.config)
    pipeline.set_progress_bar_config(disable=True)
    return pipeline


def median_seconds(call: Callable[[], object], rounds: int, best: float = float("inf")) -> float:
    """The median of the rounds after a first call; that one's own time if it is out of the race."""
    first = _timed(call)
    if first > HOPELESS * best:
        return first
    return sorted(_timed(call) for _ in range(rounds))[rounds // 2]


def _timed(call: Callable[[], object]) -> float:
    began = time.monotonic()
    call()
    return time.monotonic() - began
