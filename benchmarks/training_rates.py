"""Speed and memory of the optimisation in one process, against its peers."""

import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from statistics import median

import torch

from basemodel import BaseModel, load
from benchmarks.textual_inversion import TextualInversion
from faceworld import source_image
from trainer.config import TrainingConfig
from trainer.loop import Training
from trainer.views import Views, make_views

TOGETHER = 8


@dataclass(frozen=True)
class Rates:
    """Seconds of a step, medians over rounds in which all took turns; and of the views.

    Attributes:
        alone: of one identity.
        peer: of diffusers' textual inversion, with as many rows.
        together: of ``TOGETHER`` identities in one batch.
        without_attention: of one identity without the attention loss.
        views: of encoding the views of one identity.
    """

    alone: float
    peer: float
    together: float
    without_attention: float
    views: float


def measure(checkpoint: Path, config: TrainingConfig, rounds: int, steps: int) -> Rates:
    """Measures in turns, so that whatever else the machine does hits all alike.

    Args:
        checkpoint: the base model.
        config: of all trainings.
        rounds: turns of each.
        steps: of a turn.
    """
    base = load(checkpoint)
    began = time.monotonic()
    views = [make_views(base, [source_image(seed)], config, seed) for seed in range(TOGETHER)]
    views_seconds = (time.monotonic() - began) / TOGETHER
    pixels = base.decode(views[0].latents).clamp(-1, 1)
    prompt = config.prompts[0]
    peer = TextualInversion(checkpoint, pixels, prompt, config.batch, config.learning_rate)
    plain = TrainingConfig(**{**config.to_json(), "attention_loss": "none"})
    ways: list[Callable[[], object]] = [
        _training(base, config, views[:1]).take_step,
        peer.step,
        _training(base, config, views).take_step,
        _training(base, plain, views[:1]).take_step,
    ]
    for way in ways:
        way()  # the first call of a shape is slow
    times: list[list[float]] = [[] for _ in ways]
    for _ in range(rounds):
        for way, own in zip(ways, times, strict=True):
            began = time.monotonic()
            for _ in range(steps):
                way()
            own.append((time.monotonic() - began) / steps)
    alone, other, together, without = map(median, times)
    return Rates(alone, other, together, without, views_seconds)


def memory(checkpoint: Path, config: TrainingConfig, identities: int) -> int:
    """Most memory in bytes of a process that trains so many identities together."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        return pool.submit(_peak, checkpoint, config, identities).result()


def _peak(checkpoint: Path, config: TrainingConfig, identities: int) -> int:
    torch.set_num_threads(1)
    base = load(checkpoint)
    views = [make_views(base, [source_image(seed)], config, seed) for seed in range(identities)]
    training = _training(base, config, views)
    for _ in range(3):
        training.take_step()
    status = Path("/proc/self/status").read_text()  # getrusage begins with the parent's peak
    return int(status.split("VmHWM:")[1].split()[0]) * 1024


def _training(base: BaseModel, config: TrainingConfig, views: list[Views]) -> Training:
    return Training.of(base, config, "person", views, range(len(views)))
