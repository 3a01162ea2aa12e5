"""One job: images in, identity artifact out, resumable at any moment."""

import hashlib
import importlib.metadata
import io
import json
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from basemodel import BaseModel, load
from identity import Identity, digest
from trainer.config import TrainingConfig
from trainer.image import decode_image
from trainer.loop import StepLosses, Training
from trainer.process import write_atomically
from trainer.progress import Events, to_stderr
from trainer.views import make_views

_SAVE_SECONDS = 2.0
_SAVE_SHARE = 0.05  # of the time, where saving is slow
_TELL_SECONDS = 0.25
_LIBRARIES = ("diffusers", "likeness", "torch", "transformers")


@dataclass(frozen=True)
class Job:
    """What to learn, and where.

    Attributes:
        images: paths of the source images, all of one subject.
        out: path of the artifact.
        work: directory of the checkpoint.
        base_model: directory or hub id.
        class_noun: what the image shows.
        config: training settings.
        seed: of every random draw.
    """

    images: tuple[Path, ...]
    out: Path
    work: Path
    base_model: str
    class_noun: str
    config: TrainingConfig
    seed: int


def run(job: Job, events: Events) -> None:
    """Learns the identity and writes its artifact.

    The same job gives the same artifact, however often it was stopped on the way.

    Raises:
        InputError: images, class noun or config are at fault.
        BaseModelError: the base model can't be used.
    """
    started = time.monotonic()
    files = [_read(path) for path in job.images]
    base = load(job.base_model, "cuda" if torch.cuda.is_available() else "cpu")
    images = [decode_image(data, *base.image_size) for data in files]
    views = make_views(base, images, job.config, job.seed)
    training = Training(base, job.config, job.class_noun, [views], [job.seed])
    checkpoint = Checkpoint(job.work / "checkpoint.pt", fingerprint(job, files, base))
    checkpoint.restore(training)
    events("started", total_steps=job.config.steps, resumed_from=training.step)
    _optimise(training, checkpoint, events)
    artifact = to_identity(training, base, job).to_bytes()
    write_atomically(job.out, artifact)
    norm = float(training.result().norm(dim=-1).mean())
    to_stderr(f"finished after {training.step} steps, mean token norm {norm:.4f}")
    events(
        "finished",
        steps=training.step,
        seconds=round(time.monotonic() - started, 1),
        digest=digest(artifact),
    )


def to_identity(training: Training, base: BaseModel, job: Job) -> Identity:
    """The artifact; nothing in it depends on when or in how many pieces it was learned."""
    return Identity(
        tokens=training.result()[0].contiguous().numpy(),
        base_model_digest=base.digest,
        class_noun=job.class_noun,
        training={
            "config": job.config.to_json(),
            "seed": job.seed,
            "versions": {name: importlib.metadata.version(name) for name in _LIBRARIES},
        },
    )


def fingerprint(job: Job, images: Sequence[bytes], base: BaseModel) -> str:
    """Names a training: a checkpoint of another one is never gone on from."""
    names = [digest(image) for image in images]
    parts = [names, base.digest, job.class_noun, job.config.to_json(), job.seed]
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:  # without the path, which may hold a user's name
        raise RuntimeError(f"the image file can't be read: {error.strerror}") from None


class Checkpoint:
    """The training's state in a file."""

    def __init__(self, path: Path, name: str) -> None:
        self._path, self._name = path, name

    def save(self, training: Training) -> None:
        """Writes the state."""
        buffer = io.BytesIO()
        torch.save({"fingerprint": self._name, "state": training.state()}, buffer)
        write_atomically(self._path, buffer.getvalue())

    def restore(self, training: Training) -> None:
        """Goes on from the file if it holds a state of the same training."""
        if not self._path.exists():
            return
        try:
            saved: dict[str, Any] = torch.load(
                self._path, weights_only=True, map_location=training.base.device
            )
        except Exception as error:  # a damaged file raises almost anything; starting anew is safe
            to_stderr(f"the checkpoint can't be read, starting anew: {type(error).__name__}")
            return
        if saved.get("fingerprint") == self._name:
            training.restore(saved["state"])
        else:
            to_stderr("the checkpoint is of another training, starting anew")


def _optimise(training: Training, checkpoint: Checkpoint, events: Events) -> None:
    first, began = training.step, time.monotonic()
    told = next_save = began
    while not training.done:
        losses = training.take_step()
        now = time.monotonic()
        if training.done or now >= next_save:
            checkpoint.save(training)
            took = time.monotonic() - now
            next_save = now + max(_SAVE_SECONDS, took / _SAVE_SHARE)
        if training.done or training.step == first + 1 or now - told >= _TELL_SECONDS:
            _tell(events, training, losses, (now - began) / (training.step - first))
            told = now


def _tell(events: Events, training: Training, losses: StepLosses, seconds: float) -> None:
    total = training.config.steps
    events(
        "progress",
        step=training.step,
        total_steps=total,
        loss=round(losses.total, 6),
        denoising_loss=round(losses.denoising, 6),
        attention_loss=round(losses.attention, 9),
        seconds_left=round(seconds * (total - training.step), 1),
    )
