"""A small picture of an identity on its way, as the person who waits would like to see it."""

import base64
import io

from PIL import Image

from basemodel import BaseModel
from basemodel.drawing import SamplingSettings, draw, identity_conditioning, torch_denoiser
from trainer.job import Job
from trainer.learner import Learner

PROMPT = "a photo of the face of {}"
_SAMPLING = SamplingSettings(steps=12, guidance=5.0)
_SIDE = 256  # pixels at most


def preview_steps(job: Job) -> set[int]:
    """After which steps a job's previews are due: evenly spread, and none at the end."""
    parts = job.previews + 1
    return {round(job.config.steps * part / parts) for part in range(1, parts)} - {0}


def preview_png(base: BaseModel, learner: Learner) -> str:
    """A picture of what the learner has learned so far: a PNG in base64.

    Always from the same noise, so that pictures of one training can be compared.
    """
    told = identity_conditioning(base, PROMPT, learner.result())
    (pixels,) = draw(base, torch_denoiser(base), [told], [0], _SAMPLING)
    image = Image.fromarray(pixels)
    image.thumbnail((_SIDE, _SIDE))
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    return base64.b64encode(buffer.getvalue()).decode()
