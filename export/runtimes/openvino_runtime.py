"""OpenVINO on the CPU."""

from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import openvino

from export.runtimes import Array

PAIR = 2
"""Rows that run at the same time and share the threads, as a guided picture's do."""
SIZES = 4
"""Sizes of row whose graphs are kept, those in latest use: each has its own working memory."""

Shapes = tuple[tuple[str, tuple[int, ...]], ...]
"""Of a row's inputs, by name."""


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
        self._queues = lru_cache(SIZES)(self._compiled)

    def __call__(self, inputs: Mapping[str, Array]) -> Array:
        """See :class:`export.runtimes.Runtime`. A size of row that is not kept is compiled."""
        rows = [
            {name: value[row : row + 1] for name, value in inputs.items()}
            for row in range(len(next(iter(inputs.values()))))
        ]
        queues = self._queues(tuple((name, value.shape) for name, value in sorted(rows[0].items())))
        paired = len(rows) // PAIR * PAIR
        return np.concatenate(
            _answers(queues[PAIR], rows[:paired]) + _answers(queues[1], rows[paired:])
        )

    def _compiled(self, shapes: Shapes) -> dict[int, openvino.AsyncInferQueue]:
        """Queues of a row alone and of two side by side, by that number."""
        model = self._model.clone()
        model.reshape(dict(shapes))
        return {streams: self._queue(model, streams) for streams in (1, PAIR)}

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
