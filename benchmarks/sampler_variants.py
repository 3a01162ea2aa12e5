"""The sampler with other ways to its engines, as models of Triton beside it."""

import asyncio
from collections.abc import Mapping
from pathlib import Path

import sampler.triton_service as served
from export.runtimes import load
from sampler.engine import Array
from sampler.statistics import Statistics
from sampler.triton_engine import TritonEngine
from sampler.triton_model import TritonPythonModel

MODELS = ("text_encoder", "unet", "vae_decoder")
"""What a request without an initial picture is drawn by."""


class ForgetfulEngine(TritonEngine):
    """Sends the prompts' features anew with each step."""

    async def __call__(self, model: str, inputs: Mapping[str, Array], output: str) -> Array:
        """Runs a model; see :class:`sampler.engine.Engine`."""
        self._sent.clear()
        return await super().__call__(model, inputs, output)


class ThreadedEngine:
    """Runs a bundle's models in threads of the sampler's own process."""

    def __init__(self, bundle: Path, engine: str) -> None:
        self._runtimes = {name: load(engine, bundle / "models" / name / "1") for name in MODELS}

    async def __call__(
        self,
        model: str,
        inputs: Mapping[str, Array],
        output: str,  # noqa: ARG002  (each model has one)
    ) -> Array:
        """Runs a model; see :class:`sampler.engine.Engine`."""
        return await asyncio.to_thread(self._runtimes[model], inputs)


class _NoMetrics:
    """Leaves the page to the sampler itself."""

    def show(self, statistics: Statistics) -> None:
        """Shows nothing."""


class Copying(TritonPythonModel):
    """The sampler, but for what it remembers to have sent."""

    def initialize(self, args: Mapping[str, str]) -> None:
        """See :meth:`sampler.triton_model.TritonPythonModel.initialize`."""
        vars(served).update(TritonEngine=ForgetfulEngine, TritonMetrics=_NoMetrics)
        super().initialize(args)


class InProcess(TritonPythonModel):
    """The sampler, but for Triton between it and its engines."""

    def initialize(self, args: Mapping[str, str]) -> None:
        """See :meth:`sampler.triton_model.TritonPythonModel.initialize`."""
        bundle = Path(args["model_repository"]).parents[1]

        def threaded(engine: str) -> ThreadedEngine:
            return ThreadedEngine(bundle, engine)

        vars(served).update(TritonEngine=threaded, TritonMetrics=_NoMetrics)
        super().initialize(args)
