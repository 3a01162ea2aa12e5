"""Ways to run the U-Net on a CPU, in this process: what the served one was chosen from."""

import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import openvino
import torch
from torch.utils.flop_counter import FlopCounterMode

from basemodel import load as load_base_model
from benchmarks.machine import cores
from benchmarks.tables import Row, Table
from export.graphs import Graph, graphs
from export.runtimes import Array, load
from identity import STAGES

ROWS = (2, 4, 8, 16)
ROUNDS = 25
PAUSE_SECONDS = 0.02
"""Before a call, so that no other way's threads still wait for work."""
SERVED = "**pairs of calls of four, two and one rows, as served**"

Inputs = Mapping[str, Array]
Call = Callable[[], Any]


@dataclass(frozen=True)
class UNet:
    """A base model's U-Net with inputs of one row.

    Attributes:
        graph: as it is exported.
        row: its inputs for one row.
        flops: floating-point operations of a row, by PyTorch's operator.
    """

    graph: Graph
    row: Inputs
    flops: Mapping[str, float]

    @classmethod
    def load(cls, checkpoint: Path) -> "UNet":
        """The one of a base model."""
        base = load_base_model(checkpoint)
        graph = next(each for each in graphs(base, STAGES) if each.name == "unet")
        with FlopCounterMode(display=False) as counter, torch.no_grad():
            graph.module(*graph.inputs.values())
        row = {name: tensor[:1].numpy() for name, tensor in graph.inputs.items()}
        rows = len(graph.inputs["timestep"])
        counted = counter.get_flop_counts()["Global"].items()
        return cls(graph, row, {str(operator): flops / rows for operator, flops in counted})

    def rows(self, count: int) -> dict[str, Array]:
        """Its inputs for so many rows."""
        return {name: np.repeat(each, count, axis=0) for name, each in self.row.items()}


def unet_engines(unet: UNet, bundle: Path) -> Table:
    """The table of all ways, which take turns."""
    directory = bundle / "models/unet/1"
    model = openvino.Core().read_model(directory / "model.xml")
    served = load("openvino", directory)
    ways: dict[str, Callable[[int], Call]] = {
        "PyTorch, all threads": lambda rows: _torch(unet, rows),
        "OpenVINO, a graph for any number of rows, all threads": lambda rows: _openvino(
            model, unet.rows(rows), calls=1, streams=1, fixed=False
        ),
        "a graph for each number of rows, all threads": lambda rows: _openvino(
            model, unet.rows(rows), calls=1, streams=1
        ),
        "a graph for half of the rows, two streams": lambda rows: _openvino(
            model, unet.rows(rows // 2), calls=2, streams=2
        ),
        "a graph for one row, two streams": lambda rows: _openvino(
            model, unet.row, calls=rows, streams=2
        ),
        SERVED: lambda rows: partial(served, unet.rows(rows)),
    }
    seconds = {name: dict.fromkeys(ROWS, 0.0) for name in ways}
    for rows in ROWS:
        calls = {name: way(rows) for name, way in ways.items()}
        for name, each in _in_turns(calls).items():
            seconds[name][rows] = each / rows
    own = seconds[SERVED]
    return Table(
        "Ways to run the U-Net on this CPU",
        f"Milliseconds a row with {', '.join(map(str, ROWS))} rows in a batch; medians of {ROUNDS} "
        "rounds in which all took turns.",
        [
            *(
                Row(name, " / ".join(f"{1000 * each:.1f}" for each in taken.values()))
                for name, taken in seconds.items()
            ),
            Row("best throughput as served / that of 2 rows", f"{own[2] / min(own.values()):.2f}x"),
        ],
    )


def _torch(unet: UNet, rows: int) -> Call:
    inputs = [torch.from_numpy(each) for each in unet.rows(rows).values()]

    def call() -> None:
        torch.set_num_threads(cores())
        with torch.inference_mode():
            unet.graph.module(*inputs)

    return call


def _openvino(
    model: openvino.Model, inputs: Inputs, *, calls: int, streams: int, fixed: bool = True
) -> Call:
    model = model.clone()
    if fixed:
        model.reshape({name: each.shape for name, each in inputs.items()})
    settings = {
        "INFERENCE_PRECISION_HINT": "f32",
        "NUM_STREAMS": streams,
        "ENABLE_CPU_PINNING": False,
    }
    compiled = openvino.Core().compile_model(model, "CPU", settings)
    queue = openvino.AsyncInferQueue(compiled, streams)

    def call() -> None:
        for _ in range(calls):
            queue.start_async(inputs)
        queue.wait_all()

    return call


def _in_turns(calls: Mapping[str, Call]) -> dict[str, float]:
    """Median seconds of each."""
    taken: dict[str, list[float]] = {name: [] for name in calls}
    for call in calls.values():
        call()
    for _ in range(ROUNDS):
        for name, call in calls.items():
            time.sleep(PAUSE_SECONDS)
            began = time.monotonic()
            call()
            taken[name].append(time.monotonic() - began)
    return {name: statistics.median(each) for name, each in taken.items()}
