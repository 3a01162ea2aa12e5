"""Seconds per identity, learned one at a time with all cores (paper: Table I, Time)."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from torch import Tensor

from basemodel import BaseModel
from basemodel.drawing import Denoiser, draw, identity_conditioning
from evaluation.judges import Judge
from evaluation.metrics import identity_where_prompt_is_met
from evaluation.people import People
from evaluation.seeds import seed_of
from evaluation.settings import Settings
from trainer.config import TrainingConfig
from trainer.loop import Training
from trainer.views import make_views

TIMED_PEOPLE = 4
_POINTS = 10  # of the way where the likeness is looked at
_EVERY = 4  # one in so many prompts is drawn
_ENOUGH = 0.95  # share of the final ID(P)


@dataclass(frozen=True)
class Point:
    """An identity on its way: after so many steps and seconds, ``[S, 2, D]``."""

    step: int
    seconds: float
    tokens: Tensor


def learn_timed(
    base: BaseModel, config: TrainingConfig, settings: Settings, people: People, person: int
) -> list[Point]:
    """Learns one person; the clock runs from the decoded image on, and stands while looking."""
    started = time.monotonic()
    views = make_views(base, [people.source(person)], config, person)
    training = Training.of(base, config, settings.class_noun, [views], [person])
    looks = {round(config.steps * part / _POINTS) for part in range(1, _POINTS + 1)}
    points, paused = [], 0.0
    while not training.done:
        training.take_step()
        step = training.learners[0].step
        if step in looks:
            now = time.monotonic()
            points.append(Point(step, now - started - paused, training.result()[0]))
            paused += time.monotonic() - now
    return points


def identity_under_prompts(
    base: BaseModel,
    denoise: Denoiser,
    judge: Judge,
    settings: Settings,
    source: np.ndarray[Any, np.dtype[np.float32]],
    tokens: Tensor,
) -> float:
    """ID(P) over some of the prompts, one picture each.

    Args:
        base, denoise, judge, settings: as for all other pictures.
        source: ``[E]`` face of the source image.
        tokens: ``[S, 2, D]``.
    """
    prompts = settings.prompts[::_EVERY]
    texts = settings.plain_texts[::_EVERY]
    told = [identity_conditioning(base, prompt.text, tokens) for prompt in prompts]
    seeds = [seed_of(prompt.text, 0) for prompt in prompts]
    pictures = draw(base, denoise, told, seeds, settings.sampling)
    needed = np.array([judge.prompt_threshold(text) for text in texts])
    met = judge.prompt_scores(pictures, texts) >= needed
    return float(identity_where_prompt_is_met(judge.faces(pictures)[0] @ source, met).mean())


def measure(
    base: BaseModel,
    denoise: Denoiser,
    judge: Judge,
    settings: Settings,
    people: People,
    config: TrainingConfig,
    numbers: Sequence[int],
) -> Mapping[str, Any]:
    """One method's times, as means over people.

    Returns:
        ``seconds`` of all steps, ``seconds_to_95``: until ID(P) first reaches 95 % of its last
        value, and the ``curve`` of ``step``, ``seconds``, ``id_p``.
    """
    ways = [learn_timed(base, config, settings, people, person) for person in numbers]
    sources = judge.faces(np.stack([people.source(person) for person in numbers]))[0]
    curve = []
    for points in zip(*ways, strict=True):
        likeness = [
            identity_under_prompts(base, denoise, judge, settings, source, point.tokens)
            for source, point in zip(sources, points, strict=True)
        ]
        seconds = np.mean([point.seconds for point in points])
        curve.append(
            {
                "step": points[0].step,
                "seconds": round(float(seconds), 2),
                "id_p": round(float(np.mean(likeness)), 4),
            }
        )
    return {
        "people": len(numbers),
        "seconds": curve[-1]["seconds"],
        "seconds_to_95": seconds_to(curve, _ENOUGH),
        "curve": curve,
    }


def seconds_to(curve: Sequence[Mapping[str, float]], share: float) -> float:
    """Seconds of the first point whose ``id_p`` is at least that share of the last one's."""
    enough = share * curve[-1]["id_p"]
    return next(point["seconds"] for point in curve if point["id_p"] >= enough)
