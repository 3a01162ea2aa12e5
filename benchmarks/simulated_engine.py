"""Stands in for an accelerator: a launch takes its time, and so does each row; the answer is noise
of no meaning.
"""

import json
import time
from collections.abc import Mapping
from typing import Any

import numpy as np
import triton_python_backend_utils as pb_utils

from benchmarks.peer_models import SIMULATED_LAUNCH_SECONDS, SIMULATED_ROW_SECONDS


class TritonPythonModel:
    """One of the bundle's models, as far as time is concerned."""

    def initialize(self, args: Mapping[str, str]) -> None:
        """Reads what the answer is called and how large it is."""
        config = json.loads(args["model_config"])
        self._input = config["input"][0]
        self._output = config["output"][0]

    def execute(self, requests: list[Any]) -> list[Any]:
        """Answers each call after its time."""
        return [self._run(request) for request in requests]

    def _run(self, request: Any) -> Any:
        given = pb_utils.get_input_tensor_by_name(request, self._input["name"]).as_numpy()
        time.sleep(SIMULATED_LAUNCH_SECONDS + len(given) * SIMULATED_ROW_SECONDS)
        # An axis of free size is as long as the input's.
        dims = map(int, self._output["dims"][1:])
        sizes = [given.shape[axis] if size < 0 else size for axis, size in enumerate(dims, 1)]
        answer = np.zeros((len(given), *sizes), np.float32)
        return pb_utils.InferenceResponse([pb_utils.Tensor(self._output["name"], answer)])
