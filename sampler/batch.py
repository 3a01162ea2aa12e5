"""The U-Net's inputs of a step, and its answer, row by row."""

import operator
from collections.abc import Sequence

import numpy as np

from sampler.conditioning import Features
from sampler.engine import Array
from sampler.picture import Picture


class Assembler:
    """Puts the U-Net's inputs together; it remembers the prompts' features of the last step, since
    most steps have the rows of the one before."""

    def __init__(self) -> None:
        self._features: list[Features] = []
        self._stacked: dict[str, Array] = {}

    def __call__(self, pictures: Sequence[Picture]) -> dict[str, Array]:
        """``sample`` [B, C, h, w], ``timestep`` [B], ``prompt_embeds_i`` [B, L, 2D]; each picture's
        rows stand together, the unconditional one first."""
        features = [row for picture in pictures for row in picture.features]
        if not _same(features, self._features):
            self._features = features
            self._stacked = {
                f"prompt_embeds_{stage}": np.stack([row[stage] for row in features])
                for stage in range(len(features[0]))
            }
        rows = [picture.rows for picture in pictures]
        return {
            **self._stacked,
            "sample": np.repeat(np.stack([picture.sample for picture in pictures]), rows, axis=0),
            "timestep": np.repeat(
                np.array([picture.timestep for picture in pictures], np.float32), rows
            ),
        }

    def forget(self) -> None:
        """Lets the features go: they tell of people."""
        self._features, self._stacked = [], {}


def _same(some: Sequence[Features], others: Sequence[Features]) -> bool:
    """Whether these are the same arrays, not only equal ones."""
    return len(some) == len(others) and all(map(operator.is_, some, others))


def split(noise: Array, pictures: Sequence[Picture]) -> list[Array]:
    """The answer ``[B, C, h, w]`` for each picture's own rows."""
    return np.split(noise, np.cumsum([picture.rows for picture in pictures])[:-1])
