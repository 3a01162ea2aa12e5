"""Stable Diffusion at its full size, with random weights: real configs, no download."""

import json
import shutil
from pathlib import Path
from typing import Any

import torch
from diffusers import AutoencoderKL, UNet2DConditionModel
from transformers import CLIPTextConfig, CLIPTextModel

from faceworld.tokenizer import build_tokenizer

TEXT_WINDOW = 77
_PIPELINE = {
    "_class_name": "StableDiffusionPipeline",
    "scheduler": ["diffusers", "DDIMScheduler"],
    "text_encoder": ["transformers", "CLIPTextModel"],
    "tokenizer": ["transformers", "CLIPTokenizer"],
    "unet": ["diffusers", "UNet2DConditionModel"],
    "vae": ["diffusers", "AutoencoderKL"],
    "safety_checker": [None, None],
    "feature_extractor": [None, None],
}
"""What diffusers' own pipeline looks for."""


def write_full_size_checkpoint(configs: Path, path: Path) -> Path:
    """Writes a diffusers directory in half precision.

    Args:
        configs: holds ``unet.json``, ``vae.json``, ``text_encoder.json`` and ``scheduler.json``.
        path: the directory to write.

    Returns:
        ``path``.
    """
    settings = {file.stem: json.loads(file.read_text()) for file in configs.glob("*.json")}
    text_config = settings["text_encoder"]
    parts: dict[str, Any] = {
        "unet": lambda: UNet2DConditionModel.from_config(settings["unet"]),  # type: ignore[no-untyped-call]
        "vae": lambda: AutoencoderKL.from_config(settings["vae"]),  # type: ignore[no-untyped-call]
        "text_encoder": lambda: CLIPTextModel(CLIPTextConfig(**text_config)),
    }
    for name, make in parts.items():
        with torch.device("meta"):  # the layers' own initialisation takes minutes
            part = make()
        _fill(part).save_pretrained(path / name)
    config = path / "text_encoder/config.json"  # transformers loads in the type written here
    config.write_text(json.dumps(json.loads(config.read_text()) | {"dtype": "float32"}))
    (path / "scheduler").mkdir()
    shutil.copy(configs / "scheduler.json", path / "scheduler/scheduler_config.json")
    build_tokenizer(TEXT_WINDOW).save_pretrained(path / "tokenizer")
    (path / "model_index.json").write_text(json.dumps(_PIPELINE))
    return path


def _fill(part: Any) -> Any:
    """Small random matrices, norms that change nothing."""
    part = part.to(torch.float16).to_empty(device="cpu")
    random = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for name, parameter in part.named_parameters():
            if parameter.ndim > 1:
                scale = parameter[0].numel() ** -0.5
                noise = torch.randn(parameter.shape, generator=random).mul_(scale)
                parameter.copy_(noise)
            else:
                parameter.fill_(1.0 if name.endswith("weight") else 0.0)
        for name, buffer in part.named_buffers():
            if name.endswith("position_ids"):
                buffer.copy_(torch.arange(buffer.shape[-1]).expand_as(buffer))
    return part
