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
Batch = Mapping[str, Array]
Kind = tuple[int, int]
"""Of a graph: rows of a call, and calls side by side."""
REFERENCE: Kind = (1, PAIR)
"""The kind of graph whose answers count."""


class OpenVinoRuntime:
    """Runs a ``model.xml`` in float32, a pair of calls at a time.

    A graph whose sizes are all known runs faster than one that is ready for any number of rows, and
    two calls side by side faster than one with all threads (docs/sampler.md). So a batch is cut
    into pairs of calls of four, two and one rows, and a row that is left over, each with a graph
    of its own.

    An answer does not depend on what else is in its batch: a graph that does not compute its first
    batch to the same bits as the graph of one row is not used.

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

    def __call__(self, inputs: Batch) -> Array:
        """See :class:`export.runtimes.Runtime`. A graph that was not needed yet is compiled."""
        # Calls read them where they lie; of others OpenVINO would make copies that it lets go
        # while a queue still reads them.
        inputs = {name: np.ascontiguousarray(each, np.float32) for name, each in inputs.items()}
        graphs = self._graphs(tuple((name, each.shape[1:]) for name, each in inputs.items()))
        answers, first = [], 0
        for kind, rows in self._plan(len(next(iter(inputs.values())))):
            answers.append(graphs.answer(kind, _rows(inputs, first, rows)))
            first += rows
        return np.concatenate(answers)

    def _plan(self, rows: int) -> list[tuple[Kind, int]]:
        """How a batch is cut, in order: kinds of graphs, and the rows that each has."""
        plan: list[tuple[Kind, int]] = []
        for size in self._rows_of_calls:
            left = rows % (PAIR * size)
            plan += [((size, PAIR), rows - left)] * (rows > left)
            rows = left
        return plan + [((1, 1), 1)] * rows

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
        self._queues: dict[Kind, openvino.AsyncInferQueue] = {}
        self._used = {REFERENCE: True}

    def answer(self, kind: Kind, batch: Batch) -> Array:
        """A batch's answer by calls of a kind, or by the reference's where they would differ."""
        if kind not in self._used:
            answer, reference = self._run(kind, batch), self._run(REFERENCE, batch)
            self._used[kind] = np.array_equal(answer, reference, equal_nan=True)
            return reference
        return self._run(kind if self._used[kind] else REFERENCE, batch)

    def _run(self, kind: Kind, batch: Batch) -> Array:
        if kind not in self._queues:
            self._queues[kind] = self._compiled(*kind)
        rows, _ = kind
        total = len(next(iter(batch.values())))
        calls = [_rows(batch, first, rows) for first in range(0, total, rows)]
        return np.concatenate(_answers(self._queues[kind], calls))

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


def _rows(batch: Batch, first: int, rows: int) -> dict[str, Array]:
    return {name: each[first : first + rows] for name, each in batch.items()}


def _answers(queue: openvino.AsyncInferQueue, calls: Sequence[Batch]) -> list[Array]:
    answers: list[Array] = [np.empty(0)] * len(calls)

    def keep(request: Any, number: int) -> None:
        answers[number] = np.array(request.get_output_tensor(0).data)

    queue.set_callback(keep)
    try:
        for number, inputs in enumerate(calls):
            queue.start_async(inputs, number, share_inputs=True)
    finally:
        queue.wait_all()  # whatever happens: the inputs must outlive the calls
    return answers
