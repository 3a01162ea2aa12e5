"""The bundle's other models, called by Triton's business logic scripting (BLS)."""

from collections.abc import Mapping

import numpy as np
import triton_python_backend_utils as pb_utils

from sampler.engine import Array, EngineError


class TritonEngine:
    """Runs models of the same server."""

    async def __call__(self, model: str, inputs: Mapping[str, Array], output: str) -> Array:
        """Runs a model; see :class:`sampler.engine.Engine`."""
        request = pb_utils.InferenceRequest(
            model_name=model,
            requested_output_names=[output],
            inputs=[
                pb_utils.Tensor(name, np.ascontiguousarray(tensor))
                for name, tensor in inputs.items()
            ],
        )
        response = await request.async_exec()
        if response.has_error():
            raise EngineError(f"{model}: {response.error().message()}")
        # A copy: the tensor is a view of shared memory that goes with the response.
        return np.array(pb_utils.get_output_tensor_by_name(response, output).as_numpy())
