"""The peer everybody knows: diffusers' pipeline on the same checkpoint and the same CPU."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from diffusers import DDIMScheduler, StableDiffusionPipeline

from benchmarks.machine import cores

PROMPT = "a photo of a person"

HOPELESS = 4
"""A setting whose first picture takes this many times the best one's is not tried again: a CPU
without bfloat16 takes half a minute a picture."""


@dataclass(frozen=True)
class Peer:
    """The pipeline at its best.

    Attributes:
        seconds: one picture.
        setting: the data type and number of threads that gave it.
        tried: seconds of all settings.
    """

    seconds: float
    setting: str
    tried: dict[str, float]


def diffusers_pipeline(checkpoint: Path, steps: int, guidance: float, rounds: int) -> Peer:
    """The quickest of float32 and bfloat16 and of one to all cores; the median of its rounds."""
    tried: dict[str, float] = {}
    for dtype in (torch.float32, torch.bfloat16):
        pipeline = _pipeline(checkpoint).to(dtype)

        def draw(pipeline: Any = pipeline) -> None:
            generator = torch.Generator("cpu").manual_seed(0)
            pipeline(
                PROMPT, num_inference_steps=steps, guidance_scale=guidance, generator=generator
            )

        for threads in range(1, cores() + 1):
            torch.set_num_threads(threads)
            name = f"{str(dtype).removeprefix('torch.')}, {threads} threads"
            tried[name] = _seconds(draw, rounds, min(tried.values(), default=float("inf")))
    setting = min(tried, key=lambda name: tried[name])
    return Peer(tried[setting], setting, tried)


def _pipeline(checkpoint: Path) -> Any:
    pipelines: Any = StableDiffusionPipeline
    schedulers: Any = DDIMScheduler
    pipeline = pipelines.from_pretrained(checkpoint)
    pipeline.scheduler = schedulers.from_config(pipeline.scheduler.config)
    pipeline.set_progress_bar_config(disable=True)
    return pipeline


def _seconds(call: Callable[[], None], rounds: int, best: float) -> float:
    """The median of the rounds after a first call; that one's own time if it is out of the race."""
    first = _timed(call)
    if first > HOPELESS * best:
        return first
    return sorted(_timed(call) for _ in range(rounds))[rounds // 2]


def _timed(call: Callable[[], None]) -> float:
    began = time.monotonic()
    call()
    return time.monotonic() - began
