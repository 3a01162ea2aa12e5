"""Every number that training of the checkpoint depends on."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True)
class DataSettings:
    """The training pictures."""

    people: int = 8000  # seeds 0 ..
    dogs: int = 1500
    cars: int = 1000
    views: int = 8  # pictures of each
    captions: int = 3  # wordings kept for each picture


@dataclass(frozen=True)
class VaeSettings:
    """AutoencoderKL, four times smaller in each direction."""

    channels: tuple[int, ...] = (16, 32, 64)  # per resolution: 64, 32, 16 pixels
    crop: int = 32  # pixels; crops give many different pictures a step at a low price
    crop_batch: int = 8
    crop_steps: int = 8_400
    full_batch: int = 3  # whole pictures, so that group norm meets the real statistics
    full_steps: int = 5_200
    learning_rate: float = 2e-3  # peak; cosine to zero over all steps
    resumed_learning_rate: float = 6e-4  # peak when it goes on from a checkpoint
    kl_weight: float = 1e-6
    gradient_weight: float = 1.0  # loss on differences of neighbouring pixels


@dataclass(frozen=True)
class JudgeSettings:
    """Identity and caption judges."""

    channels: tuple[int, ...] = (32, 64, 128)  # per resolution: 16, 8, 4 pixels
    width: int = 64  # of embeddings
    identity_steps: int = 1_700
    identity_batch: int = 48  # identities a step, two pictures of each
    clip_steps: int = 1_100
    clip_batch: int = 96
    learning_rate: float = 2e-3
    temperature: float = 0.1


@dataclass(frozen=True)
class DiffusionSettings:
    """U-Net and text encoder, trained together."""

    channels: tuple[int, ...] = (64, 128)  # per resolution: 16, 8 latent pixels
    text_width: int = 128
    text_layers: int = 4
    prompt_length: int = 32  # tokens
    batch: int = 16
    steps: int = 15_600
    learning_rate: float = 1e-3  # peak; cosine to zero over all steps
    resumed_learning_rate: float = 8e-4  # peak when it goes on from a checkpoint
    ema: float = 0.998
    caption_dropout: float = 0.1
    readout_steps: int = 500  # of the text encoder alone, before the U-Net starts
    readout_weight: float = 0.03  # of the readout loss afterwards
    probe_steps: int = 500  # between looks at the error with right and wrong names


@dataclass(frozen=True)
class Settings:
    """All phases, and where their work files and the result lie."""

    work: Path = Path(".likeness/faceworld")
    output: Path = Path("faceworld/checkpoint")
    start: Path | None = None  # a finished checkpoint to go on from; None: from nothing
    snapshots: Path | None = None  # where loadable snapshots go while the U-Net trains
    snapshot_seconds: float = 600.0
    time_limit: float | None = None  # seconds for each phase; None: until its steps are done
    threads: int = 2
    data: DataSettings = field(default_factory=DataSettings)
    vae: VaeSettings = field(default_factory=VaeSettings)
    judges: JudgeSettings = field(default_factory=JudgeSettings)
    diffusion: DiffusionSettings = field(default_factory=DiffusionSettings)
