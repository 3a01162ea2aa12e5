"""OpenVINO on the CPU."""

from collections.abc import Mapping
from pathlib import Path

import openvino

from export.runtimes import Array


class OpenVinoRuntime:
    """Runs a ``model.xml`` in float32, one call at a time with all threads."""

    def __init__(self, path: Path, threads: int) -> None:
        self._model = openvino.Core().compile_model(
            path,
            "CPU",
            {
                "INFERENCE_PRECISION_HINT": "f32",
                "PERFORMANCE_HINT": "LATENCY",
                "INFERENCE_NUM_THREADS": threads,
            },
        )

    def __call__(self, inputs: Mapping[str, Array]) -> Array:
        """See :class:`export.runtimes.Runtime`. The output is the caller's own."""
        result: Array = self._model(dict(inputs), share_inputs=True)[0]
        return result
