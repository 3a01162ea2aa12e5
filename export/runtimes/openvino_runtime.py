"""OpenVINO on the CPU."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import openvino

from export.runtimes import Array

STREAMS = 2
"""Rows that run at the same time: a guided picture's two. They share the threads."""


class OpenVinoRuntime:
    """Runs a ``model.xml`` in float32, row by row.

    A graph whose sizes are all known runs faster than one that is ready for any number of rows, and
    two rows in two streams faster than both in one (docs/benchmarks.md). A row is computed in the
    same way whatever else is in its batch, so the answer is the same to the bit.

    Args:
        path: the model; the first axis of every input is its rows.
        threads: of all streams together; 0: as many as the process may use.
    """

    def __init__(self, path: Path, threads: int) -> None:
        self._core = openvino.Core()
        self._path = path
        self._settings = {
            "INFERENCE_PRECISION_HINT": "f32",
            "INFERENCE_NUM_THREADS": threads,
            "NUM_STREAMS": 1 if threads == 1 else STREAMS,
            "ENABLE_CPU_PINNING": False,  # other processes use the same cores
        }
        self._queues: dict[tuple[Any, ...], openvino.AsyncInferQueue] = {}

    def __call__(self, inputs: Mapping[str, Array]) -> Array:
        """See :class:`export.runtimes.Runtime`. The first call of a size of row compiles it."""
        rows = len(next(iter(inputs.values())))
        queue = self._queue({name: value.shape[1:] for name, value in inputs.items()})
        answers: list[Array] = [np.empty(0)] * rows

        def keep(request: Any, row: int) -> None:
            answers[row] = np.array(request.get_output_tensor(0).data)

        queue.set_callback(keep)
        for row in range(rows):
            queue.start_async({name: value[row : row + 1] for name, value in inputs.items()}, row)
        queue.wait_all()
        return np.concatenate(answers)

    def _queue(self, shapes: Mapping[str, tuple[int, ...]]) -> openvino.AsyncInferQueue:
        key = tuple(sorted(shapes.items()))
        if key not in self._queues:
            model = self._core.read_model(self._path)
            model.reshape({name: (1, *shape) for name, shape in shapes.items()})
            compiled = self._core.compile_model(model, "CPU", self._settings)
            self._queues[key] = openvino.AsyncInferQueue(compiled, self._settings["NUM_STREAMS"])
        return self._queues[key]
