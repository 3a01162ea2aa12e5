"""Graphs are compiled for each size of row and of call; the sizes in latest use are kept."""

from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import openvino
import pytest
from openvino import opset13 as opset

from export.runtimes import openvino_runtime
from export.runtimes.openvino_runtime import SIZES, OpenVinoRuntime

Shapes = Counter[tuple[int, ...]]


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """Doubles what it is given, whatever its size."""
    given = opset.parameter([-1, -1], np.float32, name="given")
    doubled = opset.multiply(given, opset.constant(np.float32(2)))
    openvino.save_model(openvino.Model([doubled], [given]), tmp_path / "model.xml")
    return tmp_path / "model.xml"


@pytest.fixture
def compiled(monkeypatch: pytest.MonkeyPatch) -> Shapes:
    """The shapes that graphs have been compiled for."""
    compile_model = openvino.Core.compile_model
    shapes: Shapes = Counter()

    def counted(core: Any, model: Any, *arguments: Any) -> Any:
        shapes[tuple(model.input(0).shape)] += 1
        return compile_model(core, model, *arguments)

    monkeypatch.setattr(openvino.Core, "compile_model", counted)
    return shapes


def doubles(runtime: OpenVinoRuntime, rows: int, size: int = 1) -> None:
    given = np.arange(rows * size, dtype=np.float32).reshape(rows, size)
    np.testing.assert_array_equal(runtime({"given": given}), 2 * given)


@pytest.mark.parametrize("rows", range(1, 20))
def test_every_row_is_answered_in_its_place(model: Path, rows: int) -> None:
    doubles(OpenVinoRuntime(model, threads=2), rows)


@pytest.mark.parametrize("kind", [np.float32, np.float64])
def test_inputs_may_lie_in_memory_in_any_order(model: Path, kind: type) -> None:
    runtime = OpenVinoRuntime(model, threads=2)
    random = np.random.default_rng(0)
    for _ in range(20):
        given = random.standard_normal((50_000, 4), np.float32).astype(kind).T
        np.testing.assert_array_equal(runtime({"given": given}), 2 * given)


@pytest.mark.parametrize(
    ("rows", "graphs"),
    [
        (1, {1: 2}),  # a row with all threads, and what it is compared with
        (2, {1: 1}),
        (3, {1: 2}),
        (4, {1: 1, 2: 1}),
        (15, {1: 2, 2: 1, 4: 1}),
        (16, {1: 1, 4: 1}),
    ],
)
def test_a_graph_is_compiled_when_it_is_needed(
    model: Path, compiled: Shapes, rows: int, graphs: dict[int, int]
) -> None:
    runtime = OpenVinoRuntime(model, threads=2)
    for _ in range(2):
        doubles(runtime, rows)
    assert compiled == {(rows_of_call, 1): count for rows_of_call, count in graphs.items()}


def test_calls_that_compute_other_bits_are_not_used(model: Path) -> None:
    runtime = OpenVinoRuntime(model, threads=2)
    compile_model = runtime._core.compile_model
    asked: Shapes = Counter()

    class OtherBits:
        """A core that compiles calls of two rows to something else."""

        def compile_model(self, model: Any, *arguments: Any) -> Any:
            rows, size = model.input(0).shape
            asked[rows, size] += 1
            if rows == 2:
                given = opset.parameter([2, size], np.float32, name="given")
                model = openvino.Model([opset.multiply(given, np.float32(3))], [given])
            return compile_model(model, *arguments)

    runtime._core = OtherBits()
    for _ in range(2):
        doubles(runtime, 4)
    doubles(runtime, 8)
    assert asked == {(1, 1): 1, (2, 1): 1, (4, 1): 1}


def test_a_large_model_is_not_copied_for_calls_of_several_rows(
    model: Path, compiled: Shapes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(openvino_runtime, "MAX_COPIED_BYTES", 0)
    doubles(OpenVinoRuntime(model, threads=2), 15)
    assert compiled == {(1, 1): 2}


def test_only_the_sizes_in_latest_use_are_kept(model: Path, compiled: Shapes) -> None:
    runtime = OpenVinoRuntime(model, threads=1)
    first, *others = range(1, SIZES + 2)
    for size in (first, *others, *others):
        doubles(runtime, 2, size)
    assert compiled == dict.fromkeys([(1, size) for size in (first, *others)], 1)
    doubles(runtime, 2, first)
    assert compiled[1, first] == 2
