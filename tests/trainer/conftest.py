"""One random checkpoint, and helpers to run ``python -m trainer`` as a real process."""

import io
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from basemodel import BaseModel, load
from tests.support.random_checkpoint import write_random_checkpoint


@pytest.fixture(scope="session")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_random_checkpoint(
        tmp_path_factory.mktemp("base") / "checkpoint", initial_words=["ada", "boris"]
    )


@pytest.fixture(scope="session")
def base(checkpoint: Path) -> BaseModel:
    return load(checkpoint)


@pytest.fixture(autouse=True)
def _one_thread() -> None:
    torch.set_num_threads(1)


@pytest.fixture(scope="session")
def photo() -> bytes:
    """A small PNG."""
    rng = np.random.default_rng(0)
    buffer = io.BytesIO()
    Image.fromarray(rng.integers(0, 256, (48, 64, 3), np.uint8)).save(buffer, "PNG")
    return buffer.getvalue()


class TrainerProcess:
    """A running ``python -m trainer``."""

    def __init__(self, arguments: list[str], **options: Any) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "trainer", *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, "OMP_NUM_THREADS": "1"},
            **options,
        )

    def events(self) -> Iterator[dict[str, Any]]:
        """Its events as they come."""
        assert self.process.stdout is not None
        for line in self.process.stdout:
            yield json.loads(line)

    def finish(self) -> tuple[int, list[dict[str, Any]]]:
        """Exit status and the remaining events."""
        events = list(self.events())
        return self.process.wait(), events


@pytest.fixture
def start(
    checkpoint: Path, photo: bytes, tmp_path: Path
) -> Iterator[Callable[..., TrainerProcess]]:
    """Starts a trainer in ``work``; all that were started are gone after the test."""
    running: list[TrainerProcess] = []

    def begin(
        *extra: str, image: bytes = photo, work: str = "work", out: str = "a", **options: Any
    ) -> TrainerProcess:
        source = tmp_path / f"source-{len(running)}"
        source.write_bytes(image)
        arguments = ["--image", str(source), "--out", str(tmp_path / out)]
        arguments += ["--work-dir", str(tmp_path / work), "--base-model", str(checkpoint)]
        running.append(TrainerProcess([*arguments, *extra], **options))
        return running[-1]

    yield begin
    for trainer in running:
        trainer.process.kill()
        trainer.process.communicate()
