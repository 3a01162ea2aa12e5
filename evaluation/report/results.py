"""What an evaluation left in its output folder; :mod:`evaluation` says what lies where."""

import json
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from PIL import Image

from evaluation.errors import EvaluationError
from evaluation.scores import PLAIN
from evaluation.settings import Folder

Picture = npt.NDArray[np.uint8]
"""``[H, W, 3]``."""


class Results:
    """Reads the folder. Nothing in it is written.

    Args:
        root: the folder.

    Raises:
        EvaluationError: it does not exist.
    """

    def __init__(self, root: Path) -> None:
        if not root.is_dir():
            raise EvaluationError(f"--out: no folder {root}; `make evaluate` writes one")
        self.root, self._folder = root, Folder(root)

    @cached_property
    def suite(self) -> dict[str, Any] | None:
        """``suite.json``; None without one, as for all that follows."""
        suite: dict[str, Any] | None = self.json("suite.json")
        return suite

    @cached_property
    def tables(self) -> dict[str, Any] | None:
        """``tables.json``."""
        tables: dict[str, Any] | None = self.json("tables.json")
        return tables

    @property
    def size(self) -> tuple[int, int]:
        """Height and width of the pictures. Raises :class:`EvaluationError`."""
        if self.suite is None:
            raise EvaluationError(f"--out: no suite.json in {self.root}")
        height, width = self.suite["image_size"]
        return height, width

    def json(self, name: str) -> Any:
        """The content of a JSON file."""
        path = self.root / name
        return json.loads(path.read_text()) if path.is_file() else None

    def csv(self, name: str) -> pd.DataFrame | None:
        """The content of a CSV file."""
        path = self.root / name
        return pd.read_csv(path) if path.is_file() else None

    def source(self, person: int) -> Picture:
        """The one image that a person is learned from."""
        with Image.open(self._folder.source(person)) as image:
            return np.asarray(image.convert("RGB"))

    def strips(self, method: str, person: int) -> list[Picture]:
        """What a method drew of a person, a picture a prompt; of the class noun for ``plain``."""
        if self.suite is None or method not in {PLAIN, *self.suite["methods"]}:
            return []
        if method == PLAIN:
            return self.strip(self._folder.pictures(PLAIN, 0))
        key = self.suite["methods"][method]["key"]
        return self.strip(self._folder.pictures(key, person))

    def strip(self, path: Path) -> list[Picture]:
        """The pictures of a strip, from top to bottom; none without the file."""
        if not path.is_file():
            return []
        with Image.open(path) as image:
            pixels = np.asarray(image.convert("RGB"))
        return list(pixels.reshape(-1, self.size[0], *pixels.shape[1:]))
