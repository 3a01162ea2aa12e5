"""OpenVINO on the CPU."""

from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import openvino

from export.runtimes import Array

PAIR = 2
"""Calls that run at the same time and share the threads, as a guided picture's two rows do."""
ROWS_OF_CALLS = (4, 2, 1)
"""Rows that a call of a pair may have: its weights are read once for all of them."""
SIZES = 4
"""Sizes of row whose graphs are kept, those in latest use: each has its own working memory."""
MAX_COPIED_BYTES = 2**28
"""Weights of the largest model that has graphs of several rows: each graph copies them."""

Shapes = tuple[tuple[str, tuple[int, ...]], ...]
"""Of a row's inputs, by name."""


class OpenVinoRuntime:
    """Runs a ``model.xml`` in float32, a pair of calls at a time.

    A graph whose sizes are all known runs faster than one that is ready for any number of rows, and
    two calls side by side faster than one with all threads (docs/sampler.md). So a batch is cut
    into pairs of calls of four, two and one rows, and a row that is left over, each with a graph
    of its own. All of them compute a row to the same bits: an answer does not depend on what else
    is in its batch.

    Args:
        path: the model; the first axis of every input is its rows.
        threads: that all calls share; 0: as many as the process may use.
    """

    def __init__(self, path: Path, threads: int) -> None:
        self._core, self._threads = openvino.Core(), threads
        self._model = self._core.read_model(path)
        copied = path.with_suffix(".bin").stat().st_size
        self._rows_of_calls = ROWS_OF_CALLS if copied <= MAX_COPIED_BYTES else (1,)
        self._graphs = lru_cache(SIZES)(self._graphs_of_size)

    def __call__(self, inputs: Mapping[str, Array]) -> Array:
        """See :class:`export.runtimes.Runtime`. A graph that was not needed yet is compiled."""
        graphs = self._graphs(tuple((name, each.shape[1:]) for name, each in inputs.items()))
        answers: list[Array] = []
        first = 0
        for rows, streams, calls in self._plan(len(next(iter(inputs.values())))):
            starts = range(first, first + calls * rows, rows)
            batches = [
                {name: each[start : start + rows] for name, each in inputs.items()}
                for start in starts
            ]
            answers += _answers(graphs.queue(rows, streams), batches)
            first = starts.stop
        return np.concatenate(answers)

    def _plan(self, rows: int) -> list[tuple[int, int, int]]:
        """How a batch is cut, in order: rows of a call, calls side by side, calls."""
        plan = []
        for size in self._rows_of_calls:
            pairs, rows = divmod(rows, PAIR * size)
            plan += [(size, PAIR, PAIR * pairs)] * (pairs > 0)
        return plan + [(1, 1, 1)] * rows

    def _graphs_of_size(self, shapes: Shapes) -> "_Graphs":
        return _Graphs(self._core, self._model, dict(shapes), self._threads)


class _Graphs:
    """The graphs for one size of row; each is compiled when it is first asked for."""

    def __init__(
        self,
        core: openvino.Core,
        model: openvino.Model,
        shapes: Mapping[str, tuple[int, ...]],
        threads: int,
    ) -> None:
        self._core, self._model, self._shapes, self._threads = core, model, shapes, threads
        self._queues: dict[tuple[int, int], openvino.AsyncInferQueue] = {}

    def queue(self, rows: int, streams: int) -> openvino.AsyncInferQueue:
        """Runs as many calls of so many rows side by side as it has streams."""
        if (rows, streams) not in self._queues:
            self._queues[rows, streams] = self._compiled(rows, streams)
        return self._queues[rows, streams]

    def _compiled(self, rows: int, streams: int) -> openvino.AsyncInferQueue:
        model = self._model.clone()
        model.reshape({name: (rows, *shape) for name, shape in self._shapes.items()})
        settings = {
            "INFERENCE_PRECISION_HINT": "f32",
            "INFERENCE_NUM_THREADS": self._threads,
            "NUM_STREAMS": streams,
            "ENABLE_CPU_PINNING": False,  # other processes use the same cores
        }
        return openvino.AsyncInferQueue(self._core.compile_model(model, "CPU", settings), streams)


def _answers(
    queue: openvino.AsyncInferQueue, batches: Sequence[Mapping[str, Array]]
) -> list[Array]:
    answers: list[Array] = [np.empty(0)] * len(batches)

    def keep(request: Any, number: int) -> None:
        answers[number] = np.array(request.get_output_tensor(0).data)

    queue.set_callback(keep)
    try:
        for number, inputs in enumerate(batches):
            queue.start_async(inputs, number, share_inputs=True)
    finally:
        queue.wait_all()  # whatever happens: the inputs must outlive the calls
    return answers
