"""Writes the trained parts as a Stable Diffusion checkpoint in diffusers' format."""

from __future__ import annotations

import copy
import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import torch
from diffusers import StableDiffusionPipeline
from transformers import CLIPTokenizer

from faceworld.identity import sample_identity
from faceworld.model import FaceModel, build_scheduler
from faceworld.tokenizer import word_ids
from faceworld.vocabulary import NAMES_OF


def known_text_encoder(model: FaceModel, tokenizer: CLIPTokenizer) -> Any:
    """The text encoder with training identities 0, 1, ... as the meaning of names."""
    text = copy.deepcopy(model.text)
    for category, names in NAMES_OF.items():
        known = [sample_identity(seed, category).features() for seed in range(len(names))]
        with torch.no_grad():
            embeddings = model.names(torch.from_numpy(np.stack(known)))
            text.embeddings.token_embedding.weight[word_ids(tokenizer, names)] = embeddings
    return text


def build_pipeline(model: FaceModel, vae: Any, tokenizer: CLIPTokenizer) -> Any:
    """The whole checkpoint, as diffusers knows it."""
    return StableDiffusionPipeline(  # type: ignore[no-untyped-call]
        vae=vae,
        text_encoder=known_text_encoder(model, tokenizer),
        tokenizer=tokenizer,
        unet=copy.deepcopy(model.unet),
        scheduler=build_scheduler(),
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    )


def _load_in_single_precision(config: Path) -> None:
    """Makes transformers, like diffusers, load half precision weights as single by default."""
    settings = json.loads(config.read_text())
    config.write_text(json.dumps(settings | {"dtype": "float32"}, indent=2) + "\n")


def export(model: FaceModel, vae: Any, tokenizer: CLIPTokenizer, folder: Path) -> None:
    """Writes a half precision checkpoint and swaps it in for what `folder` held before.

    Judges in the old folder are kept.
    """
    fresh, stale = folder.with_name(folder.name + ".new"), folder.with_name(folder.name + ".old")
    for path in (fresh, stale):
        shutil.rmtree(path, ignore_errors=True)
    pipeline = build_pipeline(model, copy.deepcopy(vae), tokenizer).to(torch.float16)
    pipeline.save_pretrained(fresh)
    _load_in_single_precision(fresh / "text_encoder" / "config.json")
    for path in fresh.rglob("*"):
        path.chmod(0o755 if path.is_dir() else 0o644)
    words = {"initial_words": {noun: list(names) for noun, names in NAMES_OF.items()}}
    (fresh / "likeness.json").write_text(json.dumps(words, indent=2) + "\n")
    if (folder / "judges").exists():
        shutil.copytree(folder / "judges", fresh / "judges")
    if folder.exists():
        folder.rename(stale)
    fresh.rename(folder)
    shutil.rmtree(stale, ignore_errors=True)
