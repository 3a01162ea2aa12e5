"""A tiny Stable Diffusion with random weights: the shape of the real thing, at no cost."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import torch
from diffusers import AutoencoderKL, PNDMScheduler, UNet2DConditionModel
from transformers import CLIPTextConfig, CLIPTextModel

from faceworld.tokenizer import build_tokenizer

TEXT_WIDTH = 32
TEXT_WINDOW = 77


def write_random_checkpoint(
    path: Path,
    *,
    seed: int = 0,
    initial_words: Sequence[str] | None = None,
    generation: Literal[1, 2] = 1,
    levels: int = 4,
) -> Path:
    """Writes a diffusers directory of SD's shape: four levels, 77 tokens, 64x64 pictures.

    Args:
        path: the directory to write.
        seed: of the weights.
        generation: SD 2.x differs from 1.x in the number of heads at each level, in linear
            projections, in attention that is upcast, and in what it predicts.
        levels: of the U-Net; its export takes seconds for each.
        initial_words: written to ``likeness.json`` as words known for ``person``; None: no file.

    Returns:
        ``path``.
    """
    second = generation == 2
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        tokenizer = build_tokenizer(TEXT_WINDOW)
        text_encoder = CLIPTextModel(
            CLIPTextConfig(
                vocab_size=len(tokenizer),
                hidden_size=TEXT_WIDTH,
                intermediate_size=64,
                num_hidden_layers=2,
                num_attention_heads=4,
                max_position_embeddings=TEXT_WINDOW,
                bos_token_id=tokenizer.bos_token_id,
                eos_token_id=tokenizer.eos_token_id,
                pad_token_id=tokenizer.pad_token_id,
                hidden_act="gelu" if second else "quick_gelu",
            )
        )
        unet = UNet2DConditionModel(
            sample_size=8,
            down_block_types=("CrossAttnDownBlock2D",) * (levels - 1) + ("DownBlock2D",),
            up_block_types=("UpBlock2D",) + ("CrossAttnUpBlock2D",) * (levels - 1),
            block_out_channels=(16,) * levels,
            layers_per_block=1,
            attention_head_dim=(2, 4, 4, 4)[:levels] if second else 4,
            use_linear_projection=second,
            upcast_attention=second,
            norm_num_groups=8,
            cross_attention_dim=TEXT_WIDTH,
        )
        vae = AutoencoderKL(
            down_block_types=("DownEncoderBlock2D",) * 4,
            up_block_types=("UpDecoderBlock2D",) * 4,
            block_out_channels=(8, 8, 8, 8),
            norm_num_groups=4,
            sample_size=64,
        )
    scheduler = PNDMScheduler(
        beta_start=0.00085,
        beta_end=0.012,
        beta_schedule="scaled_linear",
        set_alpha_to_one=False,
        skip_prk_steps=True,
        steps_offset=1,
        prediction_type="v_prediction" if second else "epsilon",
    )
    scheduler.register_to_config(clip_sample=False)  # no field of PNDM's, but SD's config has it
    parts = {
        "tokenizer": ("transformers", tokenizer),
        "text_encoder": ("transformers", text_encoder),
        "unet": ("diffusers", unet),
        "vae": ("diffusers", vae),
        "scheduler": ("diffusers", scheduler),
    }
    index: dict[str, object] = {
        "_class_name": "StableDiffusionPipeline",
        "feature_extractor": [None, None],
        "image_encoder": [None, None],
        "requires_safety_checker": False,
        "safety_checker": [None, None],
    }
    for name, (library, part) in parts.items():
        part.save_pretrained(path / name)
        index[name] = [library, type(part).__name__]
    (path / "model_index.json").write_text(json.dumps(index, indent=2) + "\n")
    if initial_words is not None:
        words = {"initial_words": {"person": list(initial_words)}}
        (path / "likeness.json").write_text(json.dumps(words) + "\n")
    return path
