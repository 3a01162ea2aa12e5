"""Stands in for the sampler and its accelerator: a step takes its time, of limited rows at once,
and every picture is the same photograph. What is measured before it is all that stands before it.
"""

import asyncio
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import triton_python_backend_utils as pb_utils

from benchmarks.peer_models import (
    SIMULATED_LAUNCH_SECONDS,
    SIMULATED_ROW_SECONDS,
    SIMULATED_ROWS,
)
from sampler.interface import declare

STEP_SECONDS = SIMULATED_LAUNCH_SECONDS + SIMULATED_ROWS * SIMULATED_ROW_SECONDS


class TritonPythonModel:
    """The model ``sampler``, as far as its callers can tell; it draws what it draws."""

    auto_complete_config = staticmethod(declare)

    def initialize(self, args: Mapping[str, str]) -> None:
        """Reads the photograph."""
        self._photograph = np.load(Path(args["model_repository"]) / "photograph.npy")
        self._rows: asyncio.Semaphore | None = None

    async def execute(self, requests: list[Any]) -> None:
        """Draws the requests; each one's answers go out as they come up."""
        self._rows = self._rows or asyncio.Semaphore(SIMULATED_ROWS)  # of the running loop
        await asyncio.gather(*map(self._serve, requests))

    async def _serve(self, request: Any) -> None:
        sender = request.get_response_sender()
        if _given(request, "heartbeat") is not None:
            _send(sender, alive=np.ones(1, np.int32))
        else:
            await self._draw(request, sender)
        sender.send(flags=pb_utils.TRITONSERVER_RESPONSE_COMPLETE_FINAL)

    async def _draw(self, request: Any, sender: Any) -> None:
        assert self._rows is not None
        (steps,), seeds = _given(request, "steps"), _given(request, "seeds")
        total = int(steps) * len(seeds)
        for done in range(1, total + 1):
            async with self._rows:
                await asyncio.sleep(STEP_SECONDS)
            if sender.is_cancelled():
                return
            _send(sender, progress=np.array([done, total, 0], np.int32))
        pixels = self._photograph
        rows, columns = (
            np.arange(side) * have // side
            for side, have in zip(_given(request, "size"), pixels.shape, strict=False)
        )
        for index in range(len(seeds)):
            picture = np.ascontiguousarray(pixels[rows][:, columns])
            _send(sender, image=picture, image_index=np.array([index], np.int32))


def _given(request: Any, name: str) -> Any:
    tensor = pb_utils.get_input_tensor_by_name(request, name)
    return None if tensor is None else tensor.as_numpy()


def _send(sender: Any, **tensors: Any) -> None:
    outputs = [pb_utils.Tensor(name, tensor) for name, tensor in tensors.items()]
    sender.send(pb_utils.InferenceResponse(outputs))
