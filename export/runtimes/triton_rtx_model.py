"""A TensorRT-RTX engine as a model of Triton's Python backend; not run here, for want of a GPU."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
import triton_python_backend_utils as pb_utils
from torch.utils.dlpack import from_dlpack

from export.runtimes.tensorrt_rtx_runtime import TensorRtRtx
from identity import ServingBundle


class TritonPythonModel:
    """What Triton's Python backend looks for in ``model.py``. Tensors pass as DLPack."""

    def initialize(self, args: Mapping[str, str]) -> None:
        """Loads the engine that lies beside ``model.py``, if it is for this GPU and version."""
        config = json.loads(args["model_config"])
        self._inputs = [each["name"] for each in config["input"]]
        self._output = config["output"][0]["name"]
        model = Path(args["model_repository"])
        bundle = ServingBundle.load(model.parents[1])
        torch.cuda.set_device(int(args["model_instance_device_id"]))
        self._engine = TensorRtRtx(model / args["model_version"], bundle.base_model_digest)

    def execute(self, requests: list[Any]) -> list[Any]:
        """Runs each request; a failure is the answer to that request alone."""
        return [self._run(request) for request in requests]

    def _run(self, request: Any) -> Any:
        inputs = {
            name: from_dlpack(pb_utils.get_input_tensor_by_name(request, name)).cuda(
                non_blocking=True
            )
            for name in self._inputs
        }
        try:
            output = self._engine(inputs)
        except Exception as error:
            message = str(error).strip() or type(error).__name__
            return pb_utils.InferenceResponse(error=pb_utils.TritonError(message))
        # Triton waits here until the values are there: it hands the tensor on without a stream.
        return pb_utils.InferenceResponse([pb_utils.Tensor.from_dlpack(self._output, output)])
