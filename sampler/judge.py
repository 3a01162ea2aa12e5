"""Judges finished pictures by the base model's safety checker, before anybody sees them."""

import asyncio
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from PIL import Image

from identity import CheckerInput, ServingBundle, picture_rows
from sampler.batcher import Batcher
from sampler.engine import Engine
from sampler.vae import Pixels

Prepared = npt.NDArray[np.float32]


class Judge:
    """Tells which pictures are to be held back; those that come together share a call.

    Args:
        bundle: how the checker wants to see them, and how many; without a checker all are fine.
        engine: runs ``safety_checker``.
    """

    def __init__(self, bundle: ServingBundle, engine: Engine) -> None:
        self._takes, self._engine = bundle.safety_checker, engine
        self._judge: Batcher[Prepared, bool]
        limit = picture_rows(bundle.max_rows)
        self._judge = Batcher(self._judge_all, lambda _: (1, None), limit)

    @property
    def present(self) -> bool:
        """Whether pictures are judged at all."""
        return self._takes is not None

    async def flags(self, pixels: Pixels, tenant: str, priority: int) -> bool:
        """Whether a picture ``[H, W, 3]`` is to be held back.

        Raises :class:`sampler.engine.EngineError`; what could not be judged must not go out either.
        """
        if self._takes is None:
            return False
        square = await asyncio.to_thread(prepared, pixels, self._takes)
        return await self._judge(square, tenant, priority)

    async def _judge_all(self, pictures: Sequence[Prepared]) -> Sequence[bool]:
        inputs = {"pixel_values": np.stack(pictures)}
        excess = await self._engine("safety_checker", inputs, "excess")
        return [not each <= 0 for each in excess]  # one that is not a number is not fine


def prepared(pixels: Pixels, takes: CheckerInput) -> Prepared:
    """``[H, W, 3]`` pixels to ``[3, S, S]``, as transformers' ``CLIPImageProcessor`` does it."""
    picture = Image.fromarray(pixels)
    width, height = (side * takes.shortest_edge // min(picture.size) for side in picture.size)
    picture = picture.resize((width, height), Image.Resampling(takes.resample))
    left, top = (width - takes.side) // 2, (height - takes.side) // 2
    square = picture.crop((left, top, left + takes.side, top + takes.side))
    colours = np.asarray(square, np.float32) / 255
    normal = (colours - np.array(takes.mean, np.float32)) / np.array(takes.std, np.float32)
    return np.asarray(normal.transpose(2, 0, 1))
