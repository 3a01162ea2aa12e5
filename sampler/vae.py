"""Pictures to latents and back, several a call, beside the denoising loop."""

import asyncio
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from identity import ServingBundle, picture_rows
from sampler.batcher import Batcher
from sampler.engine import Engine

Latents = npt.NDArray[np.float32]
Pixels = npt.NDArray[np.uint8]


class PictureError(RuntimeError):
    """A picture that can't be shown; drawn again it would come out the same."""


class Vae:
    """Encodes and decodes pictures; those of one size that come together share a call.

    Args:
        bundle: the latents' scale and how many rows an engine takes.
        engine: runs ``vae_encoder`` and ``vae_decoder``.
    """

    def __init__(self, bundle: ServingBundle, engine: Engine) -> None:
        self._engine = engine
        self._scaling_factor = np.float32(bundle.scaling_factor)
        limit = picture_rows(bundle.max_rows)
        self._encode: Batcher[Pixels, Latents]
        self._encode = Batcher(self._encode_all, lambda pixels: (1, pixels.shape), limit)
        self._decode: Batcher[Latents, Pixels | None]
        self._decode = Batcher(self._decode_all, lambda latents: (1, latents.shape), limit)

    async def encode(self, pixels: Pixels, tenant: str = "", priority: int = 0) -> Latents:
        """``[H, W, 3]`` pixels to ``[C, h, w]`` latents, the posterior's mean.

        Raises :class:`sampler.engine.EngineError`.
        """
        return await self._encode(pixels, tenant, priority)

    async def decode(self, latents: Latents, tenant: str = "", priority: int = 0) -> Pixels:
        """``[C, h, w]`` latents to ``[H, W, 3]`` pixels.

        Raises:
            sampler.engine.EngineError: see there.
            PictureError: the picture is not finite.
        """
        pixels = await self._decode(latents, tenant, priority)
        if pixels is None:
            raise PictureError("the picture has values that are not finite")
        return pixels

    # Millions of numbers a picture: in a thread, as the event loop has steps to take.

    async def _encode_all(self, pictures: Sequence[Pixels]) -> Sequence[Latents]:
        images = await asyncio.to_thread(_images, pictures)
        return list(await self._engine("vae_encoder", {"image": images}, "latents"))

    async def _decode_all(self, latents: Sequence[Latents]) -> Sequence[Pixels | None]:
        scaled = np.stack(latents) / self._scaling_factor
        images = await self._engine("vae_decoder", {"latents": scaled}, "image")
        return await asyncio.to_thread(_pictures, images)


def _images(pictures: Sequence[Pixels]) -> npt.NDArray[np.float32]:
    """``[H, W, 3]`` pixels each -> ``[B, 3, H, W]`` in [-1, 1]."""
    return np.stack(pictures).transpose(0, 3, 1, 2).astype(np.float32) / 127.5 - 1


def _pictures(images: npt.NDArray[np.float32]) -> list[Pixels | None]:
    """``[B, 3, H, W]`` -> ``[H, W, 3]`` pixels each, or None for one that is not finite."""
    return [to_pixels(image) if np.isfinite(image).all() else None for image in images]


def to_pixels(image: npt.NDArray[np.float32]) -> Pixels:
    """``[3, H, W]`` in [-1, 1] -> ``[H, W, 3]``, as diffusers' image processor does it."""
    scaled = np.clip(image / 2 + 0.5, 0, 1).transpose(1, 2, 0)
    return (scaled * 255).round().astype(np.uint8)
