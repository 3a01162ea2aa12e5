"""Latents to pixels, several pictures a call, beside the denoising loop."""

import asyncio
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from sampler.engine import Engine, EngineError
from sampler.job import Job, Pixels
from sampler.picture import Picture

MAX_PICTURES = 4
"""Most pictures in one call: a decoder needs far more memory a picture than the U-Net."""


class Decoder:
    """Decodes what the loop has finished.

    Args:
        engine: runs ``vae_decoder``.
        scaling_factor: latents are divided by it.
        max_rows: rows that an engine takes in one call.
    """

    def __init__(self, engine: Engine, scaling_factor: float, max_rows: int) -> None:
        self._engine = engine
        self._scaling_factor = scaling_factor
        self._max_pictures = min(MAX_PICTURES, max_rows)
        self._queue: asyncio.Queue[tuple[Job, Picture]] = asyncio.Queue()

    def add(self, job: Job, picture: Picture) -> None:
        """Queues a denoised picture."""
        self._queue.put_nowait((job, picture))

    async def run(self) -> None:
        """Decodes for ever; a failure ends only the jobs of that call."""
        while True:
            pending = [await self._queue.get()]
            while not self._queue.empty() and len(pending) < self._max_pictures:
                pending.append(self._queue.get_nowait())
            wanted = [(job, picture) for job, picture in pending if not job.finished.done()]
            if wanted:
                await self._decode(wanted)

    async def _decode(self, pending: Sequence[tuple[Job, Picture]]) -> None:
        latents = np.stack([picture.latents for _, picture in pending])
        try:
            images = await self._engine(
                "vae_decoder", {"latents": latents / np.float32(self._scaling_factor)}, "image"
            )
            finite = np.isfinite(images).all(axis=(1, 2, 3))
        except Exception as error:
            for job, _ in pending:
                job.fail(error)
            return
        for (job, picture), image, usable in zip(pending, images, finite, strict=True):
            if usable:
                job.deliver(picture.index, to_pixels(image))
            else:
                job.fail(EngineError("the picture has values that are not finite"))


def to_pixels(image: npt.NDArray[np.float32]) -> Pixels:
    """``[3, H, W]`` in [-1, 1] -> ``[H, W, 3]``, as diffusers' image processor does it."""
    scaled = np.clip(image / 2 + 0.5, 0, 1).transpose(1, 2, 0)
    return (scaled * 255).round().astype(np.uint8)
