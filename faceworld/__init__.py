"""A procedural world of faces, a Stable Diffusion checkpoint trained on it, and two judges.

`python -m faceworld train` makes the checkpoint; everything else reads it.
"""

from faceworld.captions import EVALUATION_PROMPTS
from faceworld.identity import held_out_identity
from faceworld.renderer import source_image

__all__ = ["EVALUATION_PROMPTS", "held_out_identity", "source_image"]
