"""All phases of training in order; each goes on where it stopped, and is skipped when done."""

from __future__ import annotations

from faceworld import (
    dataset,
    train_clip_judge,
    train_diffusion,
    train_identity_judge,
    train_vae,
)
from faceworld.calibrate import finish
from faceworld.judges import Judges
from faceworld.settings import Settings
from faceworld.tokenizer import build_tokenizer


def train_all(settings: Settings) -> None:
    """Pictures, autoencoder, judges, then text encoder and U-Net: the checkpoint in `output`."""
    dataset.prepare(settings)
    train_vae.train(settings)
    judges = Judges(
        identity=train_identity_judge.train(settings),
        clip=train_clip_judge.train(settings),
        tokenizer=build_tokenizer(settings.diffusion.prompt_length),
        thresholds={},
    )
    finish(judges, settings.output / "judges")
    train_diffusion.train(settings)
