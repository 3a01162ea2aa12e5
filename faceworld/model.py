"""The untrained text encoder and U-Net in Stable Diffusion's shape, and names as an input."""

from __future__ import annotations

from typing import Any

import torch
from diffusers import DDIMScheduler, UNet2DConditionModel
from torch import nn
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTokenizer

from basemodel.text import text_features, token_embeddings
from faceworld.identity import FEATURES
from faceworld.settings import DiffusionSettings
from faceworld.tokenizer import FIRST_WORD, SECOND_WORD, word_ids

_LATENT_SIDE = 16


def build_scheduler() -> Any:
    """Stable Diffusion's noise schedule."""
    return DDIMScheduler(  # type: ignore[no-untyped-call]
        beta_start=0.00085,
        beta_end=0.012,
        beta_schedule="scaled_linear",
        clip_sample=False,
        set_alpha_to_one=False,
        steps_offset=1,
        prediction_type="epsilon",
    )


def build_text_encoder(settings: DiffusionSettings, tokenizer: CLIPTokenizer) -> Any:
    """A small CLIP text transformer."""
    return CLIPTextModel(
        CLIPTextConfig(
            vocab_size=len(tokenizer),
            hidden_size=settings.text_width,
            intermediate_size=4 * settings.text_width,
            projection_dim=settings.text_width,
            num_hidden_layers=settings.text_layers,
            num_attention_heads=4,
            max_position_embeddings=settings.prompt_length,
            bos_token_id=tokenizer.bos_token_id,
            eos_token_id=tokenizer.eos_token_id,
            pad_token_id=tokenizer.pad_token_id,
        )
    )


def build_unet(settings: DiffusionSettings) -> Any:
    """Two resolutions; cross-attention at the lower one and in the middle."""
    return UNet2DConditionModel(  # type: ignore[no-untyped-call]
        sample_size=_LATENT_SIDE,
        in_channels=4,
        out_channels=4,
        layers_per_block=1,
        block_out_channels=settings.channels,
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"),
        cross_attention_dim=settings.text_width,
        attention_head_dim=4,  # in diffusers' reading: four heads
        norm_num_groups=16,
    )


class FaceModel(nn.Module):
    """What is trained together: text encoder, U-Net, and the map from looks to name embeddings.

    `names` is a linear map from standardised identity parameters to a word embedding. It stands
    for Stable Diffusion's knowledge of thousands of names; the finished checkpoint has no such
    input, only a few names written into its vocabulary.
    """

    def __init__(self, settings: DiffusionSettings, tokenizer: CLIPTokenizer) -> None:
        super().__init__()
        self.text = build_text_encoder(settings, tokenizer)
        self.unet = build_unet(settings)
        self.names = nn.Linear(FEATURES, settings.text_width)
        nn.init.normal_(self.names.weight, std=0.006)
        nn.init.normal_(self.names.bias, std=0.02)
        self.end = tokenizer.eos_token_id
        self.words = word_ids(tokenizer, [FIRST_WORD, SECOND_WORD])

    def condition(self, ids: torch.Tensor, people: torch.Tensor) -> torch.Tensor:
        """Text features [N, L, D] of ids [N, L], with `people` [N, 2, FEATURES] for names."""
        embeddings = token_embeddings(self.text, ids)
        names = self.names(people)
        for place, word in enumerate(self.words):
            here = (ids == word).unsqueeze(-1)
            embeddings = torch.where(here, names[:, place, None], embeddings)
        return text_features(self.text, embeddings)


@torch.no_grad()
def sample_latents(
    unet: Any,
    condition: torch.Tensor,
    empty: torch.Tensor,
    *,
    guidance: float = 4.0,
    steps: int = 20,
    seed: int = 0,
) -> torch.Tensor:
    """DDIM with classifier-free guidance: latents [N, 4, 16, 16] for features [N, L, D].

    `empty` [1, L, D] are the features of the empty prompt.
    """
    scheduler = build_scheduler()
    scheduler.set_timesteps(steps)
    noise = torch.Generator().manual_seed(seed)
    latents = torch.randn(len(condition), 4, _LATENT_SIDE, _LATENT_SIDE, generator=noise)
    both = torch.cat([empty.expand_as(condition), condition])
    for timestep in scheduler.timesteps:
        plain, told = unet(torch.cat([latents, latents]), timestep, both).sample.chunk(2)
        predicted = plain + guidance * (told - plain)
        latents = scheduler.step(predicted, timestep, latents).prev_sample
    return latents
