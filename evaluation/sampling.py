"""Pictures straight from PyTorch, many rows at once: DDIM with classifier-free guidance."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from diffusers import DDIMScheduler
from torch import Tensor

from basemodel import BaseModel, prompt_embeddings, text_features, token_embeddings
from identity import stage_of

Pictures = npt.NDArray[np.uint8]

_ROWS = 16
_WORD = "v"


@dataclass(frozen=True)
class SamplingSettings:
    """How pictures are drawn."""

    steps: int = 20  # DDIM; the paper draws with 50
    guidance: float = 7.5  # Stable Diffusion's own default


def plain_conditioning(base: BaseModel, prompt: str) -> Tensor:
    """``[1, L, 2D]`` of a prompt without an identity: one stage, keys and values alike."""
    with torch.no_grad():
        features = text_features(base.text_encoder, _words(base, prompt)[None])
    return torch.cat([features, features], dim=-1)


def identity_conditioning(base: BaseModel, prompt: str, tokens: Tensor) -> Tensor:
    """``[S, L, 2D]`` of a prompt with ``{}`` where the identity ``[S, 2, D]`` stands."""
    tokenised = base.tokenizer(prompt.format(f"<{_WORD}>"), [_WORD])
    ids = torch.from_numpy(tokenised.token_ids).to(base.device)
    stages = tokens.shape[0]
    with torch.no_grad():
        words = token_embeddings(base.text_encoder, ids).expand(stages, -1, -1)
        positions = torch.full((stages,), tokenised.placeholders[0].position)
        return prompt_embeddings(base.text_encoder, words, positions, tokens.to(base.device))


def draw(
    base: BaseModel,
    conditionings: Sequence[Tensor],
    seeds: Sequence[int],
    settings: SamplingSettings,
) -> Pictures:
    """One picture per conditioning ``[S, L, 2D]`` and seed: uint8 ``[N, H, W, 3]``."""
    batches = [
        _draw_rows(
            base, conditionings[first : first + _ROWS], seeds[first : first + _ROWS], settings
        )
        for first in range(0, len(seeds), _ROWS)
    ]
    return np.concatenate(batches)


def _draw_rows(
    base: BaseModel,
    conditionings: Sequence[Tensor],
    seeds: Sequence[int],
    settings: SamplingSettings,
) -> Pictures:
    scheduler: Any = DDIMScheduler.from_config(base.scheduler_config)  # type: ignore[no-untyped-call]
    scheduler.set_timesteps(settings.steps)
    latents = torch.cat([_noise(base, seed) for seed in seeds])
    empty = plain_conditioning(base, "").expand(len(seeds), -1, -1)
    for timestep in scheduler.timesteps:
        told = torch.stack([each[stage_of(int(timestep), len(each))] for each in conditionings])
        with torch.no_grad():
            predicted = base.unet(
                torch.cat([latents, latents]), timestep, torch.cat([empty, told])
            ).sample
        plain, guided = predicted.chunk(2)
        predicted = plain + settings.guidance * (guided - plain)
        latents = scheduler.step(predicted, timestep, latents).prev_sample
    pixels = (base.decode(latents) / 2 + 0.5).clamp(0, 1) * 255
    return pixels.permute(0, 2, 3, 1).round().byte().cpu().numpy()


def _noise(base: BaseModel, seed: int) -> Tensor:
    """``[1, C, h, w]``, the noise of diffusers' pipeline with that seed."""
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(1, *base.latent_shape, generator=generator).to(base.device, base.dtype)


def _words(base: BaseModel, prompt: str) -> Tensor:
    ids = torch.from_numpy(base.tokenizer(prompt).token_ids).to(base.device)
    return token_embeddings(base.text_encoder, ids)
