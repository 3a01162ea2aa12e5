"""Graphs are compiled for each size of row; those in latest use are kept."""

from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import openvino
import pytest
from openvino import opset13 as opset

from export.runtimes.openvino_runtime import PAIR, SIZES, OpenVinoRuntime


@pytest.fixture
def runtime(tmp_path: Path) -> OpenVinoRuntime:
    """Doubles what it is given, whatever its size."""
    given = opset.parameter([-1, -1], np.float32, name="given")
    doubled = opset.multiply(given, opset.constant(np.float32(2)))
    openvino.save_model(openvino.Model([doubled], [given]), tmp_path / "model.xml")
    return OpenVinoRuntime(tmp_path / "model.xml", threads=1)


def test_only_the_sizes_in_latest_use_are_kept(
    runtime: OpenVinoRuntime, monkeypatch: pytest.MonkeyPatch
) -> None:
    compiled: Counter[int] = Counter()
    compile_model = openvino.Core.compile_model

    def counted(core: Any, model: Any, *arguments: Any) -> Any:
        compiled[model.input(0).shape[1]] += 1
        return compile_model(core, model, *arguments)

    monkeypatch.setattr(openvino.Core, "compile_model", counted)

    def run(size: int) -> None:
        given = np.arange(3 * size, dtype=np.float32).reshape(3, size)
        np.testing.assert_array_equal(runtime({"given": given}), 2 * given)

    first, *others = range(1, SIZES + 2)
    for size in (first, *others, *others):
        run(size)
    assert compiled == dict.fromkeys((first, *others), PAIR)  # for a row alone, and for two
    run(first)
    assert compiled[first] == 2 * PAIR
