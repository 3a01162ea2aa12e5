"""The benchmark by PyTorch: its engine answers as the exported one, and it runs through."""

import asyncio
import re
from pathlib import Path

import numpy as np
import pytest

from basemodel import BaseModel
from benchmarks.gpu_torch import main
from benchmarks.torch_engine import TorchEngine
from export.graphs import graphs
from export.runtimes import load
from identity import STAGES


def test_answers_as_the_exported_model_whatever_was_sent_before(
    exported_model: BaseModel, bundle: Path
) -> None:
    random = np.random.default_rng(0)
    unet = next(graph for graph in graphs(exported_model, STAGES) if graph.name == "unet")
    inputs = {
        name: random.standard_normal(example.shape, np.float32)
        for name, example in unet.inputs.items()
    }
    inputs["timestep"] = np.array([1.0, 900.0], np.float32)
    later = {**inputs, "sample": -inputs["sample"], "timestep": inputs["timestep"][::-1].copy()}
    engine = TorchEngine(exported_model, "cpu")
    exported = load("openvino", bundle / "models/unet/1")

    async def answers() -> list[np.ndarray]:
        return [await engine("unet", each, "noise_pred") for each in (inputs, later)]

    for answer, each in zip(asyncio.run(answers()), (inputs, later), strict=True):
        reference = exported(each)
        assert np.abs(answer - reference).max() <= 1e-4 * np.abs(reference).max()
    assert len(engine.seconds[2]) == 2


def test_measures_loop_and_peer(
    exported_checkpoint: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    main(exported_checkpoint, steps=2, train=False)
    figures = re.findall(r"\| (.*) \| ([\d.]+) pictures/s", capsys.readouterr().out)
    assert [what for what, _ in figures] == [
        "diffusers, one at a time",
        "Likeness, one at a time",
        "Likeness, step-level batching",
    ]
    assert all(float(figure) > 0 for _, figure in figures)
