"""How the sampler reaches the models; it never knows which engine answers."""

from collections.abc import Mapping
from typing import Any, Protocol

import numpy.typing as npt

Array = npt.NDArray[Any]


class EngineError(RuntimeError):
    """A model could not be run; the message is the engine's."""


class Engine(Protocol):
    """Runs the bundle's models by name."""

    async def __call__(self, model: str, inputs: Mapping[str, Array], output: str) -> Array:
        """Runs ``model`` once and returns one of its outputs. Raises :class:`EngineError`."""
        ...
