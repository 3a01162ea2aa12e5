"""OpenVINO on the CPU."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import openvino

from export.runtimes import Array

PAIR = 2
"""Rows that run at the same time and share the threads, as a guided picture's do."""


class OpenVinoRuntime:
    """Runs a ``model.xml`` in float32, two rows at a time.

    A graph whose sizes are all known runs faster than one that is ready for any number of rows, and
    two rows side by side faster than both in one call (docs/sampler.md). A row is computed in the
    same way whatever else is in its batch, so the answer is the same to the bit.

    Args:
        path: the model; the first axis of every input is its rows.
        threads: that all calls share; 0: as many as the process may use.
    """

    def __init__(self, path: Path, threads: int) -> None:
        self._core, self._threads = openvino.Core(), threads
        self._model = self._core.read_model(path)
        self._queues: dict[tuple[Any, ...], dict[int, openvino.AsyncInferQueue]] = {}

    def __call__(self, inputs: Mapping[str, Array]) -> Array:
        """See :class:`export.runtimes.Runtime`. The first call of a size of row compiles it."""
        rows = [
            {name: value[row : row + 1] for name, value in inputs.items()}
            for row in range(len(next(iter(inputs.values()))))
        ]
        queues = self._compiled({name: value.shape for name, value in rows[0].items()})
        paired = len(rows) // PAIR * PAIR
        return np.concatenate(
            _answers(queues[PAIR], rows[:paired]) + _answers(queues[1], rows[paired:])
        )

    def _compiled(self, shapes: Mapping[str, tuple[int, ...]]) -> dict[int, Any]:
        """Queues of a row alone and of two side by side, by that number."""
        key = tuple(sorted(shapes.items()))
        if key not in self._queues:
            model = self._model.clone()
            model.reshape(dict(shapes))
            self._queues[key] = {streams: self._queue(model, streams) for streams in (1, PAIR)}
        return self._queues[key]

    def _queue(self, model: openvino.Model, streams: int) -> openvino.AsyncInferQueue:
        settings = {
            "INFERENCE_PRECISION_HINT": "f32",
            "INFERENCE_NUM_THREADS": self._threads,
            "NUM_STREAMS": streams,
            "ENABLE_CPU_PINNING": False,  # other processes use the same cores
        }
        return openvino.AsyncInferQueue(self._core.compile_model(model, "CPU", settings), streams)


def _answers(queue: openvino.AsyncInferQueue, rows: Sequence[Mapping[str, Array]]) -> list[Array]:
    answers: list[Array] = [np.empty(0)] * len(rows)

    def keep(request: Any, row: int) -> None:
        answers[row] = np.array(request.get_output_tensor(0).data)

    queue.set_callback(keep)
    for row, inputs in enumerate(rows):
        queue.start_async(inputs, row)  # copies them: what it shared it would have to outlive
    queue.wait_all()
    return answers
