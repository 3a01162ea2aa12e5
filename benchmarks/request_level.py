"""The peer of step-level batching: Triton's dynamic batcher gathers whole requests, and they are
drawn together from the first step to the last. Same engines, same schedulers, same arithmetic.
"""

import asyncio
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
import triton_python_backend_utils as pb_utils

from identity import ServingBundle
from sampler.batch import Assembler, split
from sampler.cache import ByteCache
from sampler.conditioning import Conditioner
from sampler.engine import Array, EngineError
from sampler.picture import Picture
from sampler.request import SamplingRequest, parse_request
from sampler.schedulers import Schedulers
from sampler.settings import SamplerSettings
from sampler.vae import Vae

TENSORS = (
    "prompt_ids",
    "negative_ids",
    "placeholder_positions",
    "placeholder_identities",
    "identities",
    "seeds",
    "steps",
    "guidance_scale",
)


class BlockingEngine:
    """Runs models of the same server, one call after the other."""

    async def __call__(self, model: str, inputs: Mapping[str, Array], output: str) -> Array:
        """Runs a model; see :class:`sampler.engine.Engine`."""
        tensors = [pb_utils.Tensor(k, np.ascontiguousarray(v)) for k, v in inputs.items()]
        response = pb_utils.InferenceRequest(
            model_name=model, requested_output_names=[output], inputs=tensors
        ).exec()
        if response.has_error():
            raise EngineError(f"{model}: {response.error().message()}")
        return np.array(pb_utils.get_output_tensor_by_name(response, output).as_numpy())


class TritonPythonModel:
    """What Triton's Python backend looks for in ``model.py``."""

    def initialize(self, args: Mapping[str, str]) -> None:
        """Reads the bundle that the model repository stands in."""
        torch.set_num_threads(1)
        directory = Path(args["model_repository"]).parents[1]
        self._bundle = ServingBundle.load(directory)
        self._token_embeddings = np.load(directory / "token_embeddings.npy")
        self._schedulers = Schedulers(json.loads((directory / "scheduler.json").read_text()))
        self._engine = BlockingEngine()
        settings = SamplerSettings()
        cache = ByteCache(settings.conditioning_cache_bytes, settings.conditioning_cache_seconds)
        self._cache = cache

    def execute(self, requests: list[Any]) -> list[Any]:
        """Draws a batch of requests to its end."""
        return asyncio.run(self._draw(requests))

    async def _draw(self, requests: list[Any]) -> list[Any]:
        condition = Conditioner(self._bundle, self._token_embeddings, self._engine, self._cache)
        vae = Vae(self._bundle, self._engine)
        bundle = self._bundle
        shape = (bundle.latent_channels, bundle.latent_height, bundle.latent_width)
        wanted = [self._parse(request) for request in requests]
        conditionings = await asyncio.gather(*map(condition, wanted))
        pictures = [
            Picture(request, 0, 0, conditioning, self._schedulers, shape, None)
            for request, conditioning in zip(wanted, conditionings, strict=True)
        ]
        going, assemble = pictures, Assembler()
        while going:
            noise = await self._engine("unet", assemble(going), "noise_pred")
            for picture, rows in zip(going, split(noise, going), strict=True):
                picture.advance(rows)
            going = [picture for picture in going if picture.steps_left]
        images = await asyncio.gather(*(vae.decode(picture.latents) for picture in pictures))
        return [
            pb_utils.InferenceResponse([pb_utils.Tensor("image", image[None])]) for image in images
        ]

    def _parse(self, request: Any) -> SamplingRequest:
        tensors = {
            name: pb_utils.get_input_tensor_by_name(request, name).as_numpy()[0] for name in TENSORS
        }
        return parse_request(tensors, self._bundle, len(self._token_embeddings))
