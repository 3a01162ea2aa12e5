"""People as a method learns them, each once: artifacts are kept by config and person."""

import fcntl
import hashlib
import json
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import torch
from torch import Tensor

from basemodel import BaseModel
from evaluation.people import People
from evaluation.settings import Folder
from identity import Identity
from trainer.config import TrainingConfig
from trainer.loop import Training
from trainer.process import write_atomically
from trainer.tokens import IdentityTokens
from trainer.views import make_views


def config_key(config: TrainingConfig) -> str:
    """Names a config in paths: 12 hexadecimal digits of its values' digest."""
    values = json.dumps(config.to_json(), sort_keys=True).encode()
    return hashlib.sha256(values).hexdigest()[:12]


def learn(
    base: BaseModel,
    config: TrainingConfig,
    class_noun: str,
    people: People,
    numbers: Sequence[int],
    folder: Folder,
) -> list[Tensor]:
    """Tokens ``[S, 2, D]`` of the people; those not yet learned are learned in one batch.

    Raises:
        InputError: the class noun, or a config that the base model can't take.
    """
    key = config_key(config)
    paths = [folder.identity(key, person) for person in numbers]
    with _one_at_a_time(paths[0].with_suffix(".lock")):
        missing = [number for number, path in zip(numbers, paths, strict=True) if not path.exists()]
        if missing:
            for person, identity in zip(
                missing, _learned(base, config, class_noun, people, missing), strict=True
            ):
                write_atomically(folder.identity(key, person), identity.to_bytes())
    return [torch.from_numpy(Identity.from_bytes(path.read_bytes()).tokens) for path in paths]


def _learned(
    base: BaseModel,
    config: TrainingConfig,
    class_noun: str,
    people: People,
    numbers: Sequence[int],
) -> list[Identity]:
    started = time.monotonic()
    views = [make_views(base, [people.source(number)], config, number) for number in numbers]
    training = Training.of(base, config, class_noun, views, list(numbers))
    steps = []
    while not training.done:
        steps.append(training.take_step())
    seconds = round((time.monotonic() - started) / len(numbers), 2)
    return [
        Identity(
            tokens.contiguous().numpy(),
            base.digest,
            class_noun,
            {
                "config": config.to_json(),
                "seconds": seconds,
                "losses": [
                    [round(step[place].total, 6), step[place].denoising, step[place].attention]
                    for step in steps
                ],
            },
        )
        for place, tokens in enumerate(training.result())
    ]


def parameters(config: TrainingConfig, width: int) -> tuple[int, int]:
    """Numbers that are trained for one identity, and numbers that are kept of it."""
    tokens = IdentityTokens(torch.zeros(width), 0, config)
    trained = sum(part.numel() for part in tokens.parameters() if part.requires_grad)
    if config.offset_learning_rate == 0:
        trained = width  # v* alone
    return trained, config.stages * (2 if config.split_keys_values else 1) * width


@contextmanager
def _one_at_a_time(path: Path) -> Iterator[None]:
    """Workers that need the same people wait for the one that learns them."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
