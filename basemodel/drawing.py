"""Pictures, many rows at once, with classifier-free guidance."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import torch
from diffusers import DDIMScheduler, DPMSolverMultistepScheduler
from torch import Tensor

from basemodel.model import BaseModel
from basemodel.text import prompt_embeddings, text_features, token_embeddings
from identity import stage_of

Pictures = npt.NDArray[np.uint8]
Denoiser = Callable[[Tensor, int, Tensor], Tensor]
"""Latents ``[B, C, h, w]``, timestep, conditioning ``[B, L, 2D]`` to the prediction, like the
latents."""

_AT_ONCE = 16  # pictures; twice as many rows of the U-Net
_WORD = "v"
_SCHEDULERS: dict[str, Any] = {"ddim": DDIMScheduler, "dpm": DPMSolverMultistepScheduler}


@dataclass(frozen=True)
class SamplingSettings:
    """How pictures are drawn."""

    steps: int = 20  # the paper draws with 50
    guidance: float = 7.5  # Stable Diffusion's own default
    scheduler: Literal["ddim", "dpm"] = "ddim"  # 2010.02502 as in the paper, or 2211.01095


def torch_denoiser(base: BaseModel) -> Denoiser:
    """The U-Net where its weights lie."""

    def denoise(latents: Tensor, timestep: int, conditioning: Tensor) -> Tensor:
        with torch.no_grad():
            predicted: Tensor = base.unet(latents, timestep, conditioning).sample
        return predicted

    return denoise


def plain_conditioning(base: BaseModel, prompt: str) -> Tensor:
    """``[1, L, 2D]`` of a prompt without an identity: one stage, keys and values alike."""
    ids = torch.from_numpy(base.tokenizer(prompt).token_ids).to(base.device)
    with torch.no_grad():
        features = text_features(base.text_encoder, token_embeddings(base.text_encoder, ids)[None])
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
    denoise: Denoiser,
    conditionings: Sequence[Tensor],
    seeds: Sequence[int],
    settings: SamplingSettings,
) -> Pictures:
    """One picture per conditioning ``[S, L, 2D]`` and seed: uint8 ``[N, H, W, 3]``."""
    parts = [slice(first, first + _AT_ONCE) for first in range(0, len(seeds), _AT_ONCE)]
    return np.concatenate(
        [_draw_rows(base, denoise, conditionings[part], seeds[part], settings) for part in parts]
    )


def _draw_rows(
    base: BaseModel,
    denoise: Denoiser,
    conditionings: Sequence[Tensor],
    seeds: Sequence[int],
    settings: SamplingSettings,
) -> Pictures:
    scheduler = _SCHEDULERS[settings.scheduler].from_config(base.scheduler_config)
    scheduler.set_timesteps(settings.steps)
    latents = torch.cat([_noise(base, seed) for seed in seeds]) * scheduler.init_noise_sigma
    empty = plain_conditioning(base, "").expand(len(seeds), -1, -1)
    for timestep in scheduler.timesteps.tolist():
        told = torch.stack([each[stage_of(timestep, len(each))] for each in conditionings])
        rows = torch.cat([latents, latents])
        plain, guided = denoise(rows, timestep, torch.cat([empty, told])).chunk(2)
        predicted = plain + settings.guidance * (guided - plain)
        latents = scheduler.step(predicted, timestep, latents).prev_sample
    pixels = (base.decode(latents).float() / 2 + 0.5).clamp(0, 1) * 255
    return pixels.permute(0, 2, 3, 1).round().byte().cpu().numpy()


def _noise(base: BaseModel, seed: int) -> Tensor:
    """``[1, C, h, w]``, the noise of diffusers' pipeline with that seed."""
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(1, *base.latent_shape, generator=generator).to(base.device, base.dtype)
