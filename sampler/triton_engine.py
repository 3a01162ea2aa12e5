"""The bundle's other models, called by Triton's business logic scripting (BLS)."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
import triton_python_backend_utils as pb_utils

from sampler.engine import Array, EngineError

ON_GPU = ("tensorrt", "tensorrt-rtx")
"""Engines that take their inputs from the GPU's memory."""


class TritonEngine:
    """Runs models of the same server.

    Inputs pass as DLPack. One that is the very array of the model's last call is neither copied nor
    sent anew: a prompt's features, by far the largest, go to the engine's memory once for all
    steps that have the same rows.

    Args:
        engine: what runs the models; see :class:`identity.ServingBundle`.
    """

    def __init__(self, engine: str) -> None:
        self._device = torch.device("cuda" if engine in ON_GPU else "cpu")
        self._sent: dict[tuple[str, str], tuple[Array, Any]] = {}

    async def __call__(self, model: str, inputs: Mapping[str, Array], output: str) -> Array:
        """Runs a model; see :class:`sampler.engine.Engine`."""
        tensors = {name: self._tensor(model, name, array) for name, array in inputs.items()}
        request = pb_utils.InferenceRequest(
            model_name=model,
            requested_output_names=[output],
            inputs=list(tensors.values()),
            # The schedulers reckon on the host; without this, TensorRT's answer stays on the GPU.
            preferred_memory=pb_utils.PreferredMemory(pb_utils.TRITONSERVER_MEMORY_CPU, 0),
        )
        response = await request.async_exec()
        if response.has_error():
            raise EngineError(f"{model}: {response.error().message()}")
        # Only now: a tensor that still is on its way must not be sent by another call too.
        self._sent |= {(model, name): (inputs[name], tensor) for name, tensor in tensors.items()}
        # A copy: the tensor is a view of shared memory that goes with the response.
        return np.array(pb_utils.get_output_tensor_by_name(response, output).as_numpy())

    def _tensor(self, model: str, name: str, array: Array) -> Any:
        sent, tensor = self._sent.get((model, name), (None, None))
        if sent is array:
            return tensor
        there = torch.from_numpy(np.ascontiguousarray(array)).to(self._device)
        return pb_utils.Tensor.from_dlpack(name, there)
