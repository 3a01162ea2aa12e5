"""An exported graph as a model of Triton's Python backend."""

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import triton_python_backend_utils as pb_utils

from export.runtimes import THREADS, load


class TritonPythonModel:
    """What Triton's Python backend looks for in ``model.py``.

    ``config.pbtxt`` names inputs and output, and the engine in its parameters.
    """

    def initialize(self, args: Mapping[str, str]) -> None:
        """Loads the graph that lies beside ``model.py``."""
        config = json.loads(args["model_config"])
        self._inputs = [each["name"] for each in config["input"]]
        self._output = config["output"][0]["name"]
        self._runtime = load(
            config["parameters"]["engine"]["string_value"],
            Path(args["model_repository"]) / args["model_version"],
            int(os.environ.get(THREADS, "0")),
        )

    def execute(self, requests: list[Any]) -> list[Any]:
        """Runs each request; a failure is the answer to that request alone."""
        return [self._run(request) for request in requests]

    def _run(self, request: Any) -> Any:
        inputs = {
            name: pb_utils.get_input_tensor_by_name(request, name).as_numpy()
            for name in self._inputs
        }
        try:
            output = self._runtime(inputs)
        except Exception as error:
            message = str(error).strip() or type(error).__name__
            return pb_utils.InferenceResponse(error=pb_utils.TritonError(message))
        return pb_utils.InferenceResponse([pb_utils.Tensor(self._output, output)])
