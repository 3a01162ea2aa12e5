"""A picture of pictures: people the checkpoint knows by name, as rendered and as it draws them."""

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
from faceworld.vocabulary import CLASS_NOUN, NAMES

#: One row each, below the row of renders.
_PROMPTS = (
    "a photo of the face of {}",
    "a photo of {}",
    "a photo of {} holding a guitar at the beach",
    "a photo of {} smiling in the forest",
    "a photo of {} wearing sunglasses in the snow",
    "a photo of {} looking angry wearing a hat in the city",
    "a photo of an old {} holding a cup in the kitchen",
    "a photo of {} looking surprised holding a ball at night",
)

_COLUMNS, _STEPS, _GUIDANCE = 8, 25, 4.0


def portrait(seed: int) -> Pixels:
    """A plain close-up of person `seed`, uint8 [S, S, 3]."""
    person, view = sample_identity(seed), 0
    while not is_plain(view_factors(person, view)):
        view += 1
    return render(person, view_factors(person, view))


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
    """Columns are people (the last: just `person`), rows are prompts; uint8 [H, W, 3]."""
    pipeline = load_pipeline(checkpoint)
    subjects = [*NAMES[: _COLUMNS - 1], CLASS_NOUN]
    renders = [portrait(seed) for seed in range(_COLUMNS - 1)]
    rows = [np.stack([*renders, np.full_like(renders[0], 255)])]
    rows += [draw(pipeline, [prompt.format(who) for who in subjects]) for prompt in _PROMPTS]
    return in_rows(rows)
