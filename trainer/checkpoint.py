"""A learner's state in a file: written aside and renamed, gone on from bit for bit."""

import io
from pathlib import Path
from typing import Any

import torch

from trainer.learner import Learner
from trainer.process import write_atomically
from trainer.progress import to_stderr


class Checkpoint:
    """One file.

    Args:
        path: of the file.
        name: of the training; a state of another one is never gone on from.
    """

    def __init__(self, path: Path, name: str) -> None:
        self._path, self._name = path, name

    def save(self, learner: Learner) -> None:
        """Writes the state."""
        buffer = io.BytesIO()
        torch.save({"fingerprint": self._name, "state": learner.state()}, buffer)
        write_atomically(self._path, buffer.getvalue())

    def restore(self, learner: Learner) -> None:
        """Goes on from the file if it holds a state of the same training."""
        if not self._path.exists():
            return
        try:
            saved: dict[str, Any] = torch.load(
                self._path, weights_only=True, map_location=learner.average.device
            )
        except Exception as error:  # a damaged file raises almost anything; starting anew is safe
            to_stderr(f"the checkpoint can't be read, starting anew: {type(error).__name__}")
            return
        if saved.get("fingerprint") == self._name:
            learner.restore(saved["state"])
        else:
            to_stderr("the checkpoint is of another training, starting anew")
