"""A picture of pictures: subjects that the checkpoint knows by name, rendered and drawn."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from diffusers import StableDiffusionPipeline

from faceworld.canvas import Pixels
from faceworld.dataset import view_factors
from faceworld.identity import sample_identity
from faceworld.pixels import in_rows
from faceworld.renderer import is_plain, render
from faceworld.vocabulary import CLASS_NOUN, NAMES, NAMES_OF

#: One row each, below the row of renders.
_PROMPTS = (
    "a photo of the face of {}",
    "a photo of {}",
    "a photo of {} holding a guitar at the beach",
    "a photo of {} smiling in the forest",
    "a photo of {} wearing sunglasses in the snow",
    "a photo of {} looking angry wearing a hat in the city",
    "a photo of an old {} holding a cup in the kitchen",
    "a photo of {} wearing a scarf holding a book",
    "a photo of {} wearing a crown in the desert",
    "a photo of {} holding a balloon in the garden",
)

_TOGETHER = "a photo of {} hugging {}"
_ELSEWHERE = {
    "dog": "a photo of {} wearing a hat in the snow",
    "car": "a photo of {} in the desert",
}

_COLUMNS, _STEPS, _GUIDANCE = 8, 25, 4.0


def portrait(seed: int, category: str = CLASS_NOUN) -> Pixels:
    """A plain picture of training subject `seed`, uint8 [S, S, 3]."""
    subject, view = sample_identity(seed, category), 0
    while not is_plain(view_factors(subject, view)):
        view += 1
    return render(subject, view_factors(subject, view))


def load_pipeline(checkpoint: Path) -> Any:
    """The checkpoint as anybody would load it: a StableDiffusionPipeline, single precision."""
    pipeline: Any = StableDiffusionPipeline.from_pretrained(  # type: ignore[no-untyped-call]
        checkpoint, safety_checker=None
    )
    pipeline.set_progress_bar_config(disable=True)
    return pipeline


def draw(pipeline: Any, prompts: list[str], seed: int = 0) -> Pixels:
    """uint8 [N, S, S, 3] pictures of N prompts."""
    images = pipeline(
        prompts,
        num_inference_steps=_STEPS,
        guidance_scale=_GUIDANCE,
        generator=torch.Generator().manual_seed(seed),
        output_type="np",
    ).images
    pictures: Pixels = (images * 255).round().astype(np.uint8)
    return pictures


def draw_grid(checkpoint: Path) -> Pixels:
    """Columns are people (the last: just `person`), rows are prompts; then pairs of neighbours,
    dogs and cars. uint8 [H, W, 3]."""
    pipeline = load_pipeline(checkpoint)
    people = [*NAMES[: _COLUMNS - 1], CLASS_NOUN]
    rows = [_renders(CLASS_NOUN)]
    rows += [draw(pipeline, [prompt.format(who) for who in people]) for prompt in _PROMPTS]
    neighbours = zip(people, [*people[1:], people[0]], strict=True)
    rows.append(draw(pipeline, [_TOGETHER.format(*couple) for couple in neighbours]))
    for noun, prompt in _ELSEWHERE.items():
        names = [*NAMES_OF[noun][: _COLUMNS - 1], noun]
        rows += [_renders(noun), draw(pipeline, [prompt.format(name) for name in names])]
    return in_rows(rows)


def _renders(noun: str) -> Pixels:
    """Those of the columns with names; the last is white."""
    known = [portrait(seed, noun) for seed in range(_COLUMNS - 1)]
    return np.stack([*known, np.full_like(known[0], 255)])
