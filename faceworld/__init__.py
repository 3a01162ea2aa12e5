"""A procedural world of people, dogs and cars, a Stable Diffusion trained on it, and two judges.

`python -m faceworld train` makes the checkpoint; everything else reads it.
"""

from faceworld.identity import held_out_identity
from faceworld.prompts import (
    EVALUATION_PROMPTS,
    HELD_OUT_PROMPTS,
    PAIR_PROMPTS,
    PROMPTS,
)
from faceworld.renderer import plain_pictures, source_image
from faceworld.vocabulary import CATEGORIES

__all__ = [
    "CATEGORIES",
    "EVALUATION_PROMPTS",
    "HELD_OUT_PROMPTS",
    "PAIR_PROMPTS",
    "PROMPTS",
    "held_out_identity",
    "plain_pictures",
    "source_image",
]
