"""Whether the engines still answer: Triton calls a model ready whose process has died."""

import asyncio
import time
from collections.abc import Mapping

import numpy as np

from identity import ServingBundle
from sampler.engine import Array, Engine

FRESH_SECONDS = 1.0
"""A model that answered within this time is not asked again."""


class HeartbeatEngine:
    """An engine that knows when each model answered last.

    Args:
        engine: runs the models.
        bundle: sizes of the models.
    """

    def __init__(self, engine: Engine, bundle: ServingBundle) -> None:
        self._engine = engine
        self._calls = smallest_calls(bundle)
        self._answered = dict.fromkeys(self._calls, float("-inf"))
        self._checking: asyncio.Task[None] | None = None

    async def __call__(self, model: str, inputs: Mapping[str, Array], output: str) -> Array:
        """Runs a model; see :class:`sampler.engine.Engine`."""
        answer = await self._engine(model, inputs, output)
        self._answered[model] = time.monotonic()
        return answer

    async def check(self) -> None:
        """Makes the smallest real call to each model that has not answered of late.

        Those who ask meanwhile share the outcome: every call holds a thread of Triton's until it is
        answered, and behind a long one many of them would leave none for the denoising loop.

        Raises :class:`sampler.engine.EngineError`.
        """
        if self._checking is None or self._checking.done():
            self._checking = asyncio.create_task(self._check(), name="heartbeat")
        await asyncio.shield(self._checking)

    async def _check(self) -> None:
        for model, (inputs, output) in self._calls.items():
            if time.monotonic() - self._answered[model] > FRESH_SECONDS:
                await self(model, inputs, output)


def smallest_calls(bundle: ServingBundle) -> dict[str, tuple[dict[str, Array], str]]:
    """Inputs of one row and the output's name, for each model.

    They are noise: an engine that tries out its ways to compute would find them alike for zeros.
    """
    random = np.random.default_rng(0)

    def noise(*shape: int) -> Array:
        return random.standard_normal(shape, np.float32)

    side = bundle.min_image_size
    latent_side = side * bundle.latent_height // bundle.image_height
    latents = noise(1, bundle.latent_channels, latent_side, latent_side)
    features = noise(1, bundle.text_window, 2 * bundle.token_width)
    stages = {f"prompt_embeds_{stage}": features for stage in range(bundle.stages)}
    embeddings = features[..., : bundle.token_width]
    calls: dict[str, tuple[dict[str, Array], str]] = {
        "text_encoder": ({"embeddings": embeddings}, "features"),
        "unet": ({"sample": latents, "timestep": np.zeros(1, np.float32), **stages}, "noise_pred"),
        "vae_decoder": ({"latents": latents}, "image"),
        "vae_encoder": ({"image": noise(1, 3, side, side)}, "latents"),
    }
    if (checker := bundle.safety_checker) is not None:
        square = noise(1, 3, checker.side, checker.side)
        calls["safety_checker"] = ({"pixel_values": square}, "excess")
    return calls
