"""A small picture of an identity on its way, as the person who waits would like to see it."""

import base64
import io
from typing import Any

import torch
from diffusers import DDIMScheduler
from PIL import Image
from torch import Tensor

from basemodel import BaseModel, prompt_embeddings, text_features, token_embeddings
from identity import stage_of
from trainer.job import Job
from trainer.learner import Learner

PROMPT = "a photo of the face of {}"
_STEPS = 12
_GUIDANCE = 5.0
_SIDE = 256  # pixels at most
_WORD = "v"


def preview_steps(job: Job) -> set[int]:
    """After which steps a job's previews are due: evenly spread, and none at the end."""
    parts = job.previews + 1
    return {round(job.config.steps * part / parts) for part in range(1, parts)} - {0}


def preview_png(base: BaseModel, learner: Learner) -> str:
    """A picture of what the learner has learned so far: a PNG in base64.

    Always from the same noise, so that pictures of one training can be compared.
    """
    with torch.no_grad():
        latent = _sampled(base, _conditioning(base, learner.result()))
        pixels = (base.decode(latent)[0].float() / 2 + 0.5).clamp(0, 1) * 255
    image = Image.fromarray(pixels.permute(1, 2, 0).round().byte().cpu().numpy())
    image.thumbnail((_SIDE, _SIDE))
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    return base64.b64encode(buffer.getvalue()).decode()


def _conditioning(base: BaseModel, tokens: Tensor) -> Tensor:
    """Of tokens ``[S, 2, D]``: ``[1 + S, L, 2D]``, the empty prompt's and then each stage's."""
    prompt = base.tokenizer(PROMPT.format(f"<{_WORD}>"), [_WORD])
    ids = [
        torch.from_numpy(each).to(base.device)
        for each in (base.tokenizer("").token_ids, prompt.token_ids)
    ]
    empty, words = token_embeddings(base.text_encoder, torch.stack(ids))
    plain = text_features(base.text_encoder, empty[None])
    stages = len(tokens)
    told = prompt_embeddings(
        base.text_encoder,
        words.expand(stages, -1, -1),
        torch.full((stages,), prompt.placeholders[0].position),
        tokens.to(base.device),
    )
    return torch.cat([torch.cat([plain, plain], dim=-1), told])


def _sampled(base: BaseModel, conditioning: Tensor) -> Tensor:
    """A latent ``[1, C, h, w]`` by DDIM (2010.02502) with guidance."""
    scheduler: Any = DDIMScheduler.from_config(base.scheduler_config)  # type: ignore[no-untyped-call]
    scheduler.set_timesteps(_STEPS)
    noise = torch.randn(1, *base.latent_shape, generator=torch.Generator().manual_seed(0))
    latent: Tensor = noise.to(base.device, base.dtype) * scheduler.init_noise_sigma
    for timestep in scheduler.timesteps.tolist():
        stage = stage_of(timestep, len(conditioning) - 1)
        rows = torch.stack([conditioning[0], conditioning[1 + stage]])
        predicted = base.unet(latent.repeat(2, 1, 1, 1), timestep, rows).sample
        plain, guided = predicted.chunk(2)
        latent = scheduler.step(plain + _GUIDANCE * (guided - plain), timestep, latent).prev_sample
    return latent
