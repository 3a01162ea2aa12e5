"""ONNX Runtime on the CPU."""

import os
from collections.abc import Mapping
from pathlib import Path

import onnxruntime

from export.runtimes import Array


class OnnxRuntime:
    """Runs a ``model.onnx``, one call at a time with all threads."""

    def __init__(self, path: Path, threads: int) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads or len(os.sched_getaffinity(0))
        self._session = onnxruntime.InferenceSession(
            str(path), options, providers=["CPUExecutionProvider"]
        )

    def __call__(self, inputs: Mapping[str, Array]) -> Array:
        """See :class:`export.runtimes.Runtime`."""
        result: Array = self._session.run(None, dict(inputs))[0]
        return result
