"""What the U-Net's time on a CPU goes to, by kind of layer."""

import time
from collections import defaultdict
from operator import itemgetter
from pathlib import Path

import openvino
import torch

from benchmarks.machine import gemm_flops
from benchmarks.tables import Row, Table
from benchmarks.unet_engines import UNet

ROUNDS = 50
CONVOLUTIONS, LINEAR = "convolutions", "linear layers"
KINDS = {
    "Convolution": CONVOLUTIONS,
    "FullyConnected": LINEAR,
    "MVN": "normalization",
    "Subgraph": "attention, activations and other arithmetic, fused",
    "Reorder": "changes of memory layout",
    "Transpose": "changes of memory layout",
    "Concat": "changes of memory layout",
    "Split": "changes of memory layout",
}
OPERATORS = {CONVOLUTIONS: ("aten.convolution",), LINEAR: ("aten.addmm", "aten.mm")}
"""PyTorch's operators of the kinds whose operations can be told apart."""
REST = "all other layers"
ROWS = 4
"""Of a call, as in the batches of a loaded loop."""


def unet_layers(unet: UNet, bundle: Path) -> Table:
    """The table of a call on one core, as a stream of a pair has it."""
    core = openvino.Core()
    model = core.read_model(bundle / "models/unet/1/model.xml")
    inputs = unet.rows(ROWS)
    model.reshape({name: each.shape for name, each in inputs.items()})
    settings = {
        "INFERENCE_PRECISION_HINT": "f32",
        "INFERENCE_NUM_THREADS": 1,
        "PERF_COUNT": True,
    }
    request = core.compile_model(model, "CPU", settings).create_infer_request()
    request.infer(inputs)
    taken: defaultdict[str, float] = defaultdict(float)
    began = time.monotonic()
    for _ in range(ROUNDS):
        request.infer(inputs)
        for layer in request.profiling_info:
            taken[KINDS.get(layer.node_type, REST)] += layer.real_time.total_seconds()
    whole = time.monotonic() - began
    taken["between the layers, the profiler's own time included"] = whole - sum(taken.values())
    peak = gemm_flops(torch.float32, threads=1)
    rows = ROUNDS * ROWS
    return Table(
        "The U-Net by kind of layer",
        f"A call of {ROWS} rows on one core, {1000 * whole / rows:.1f} ms a row, by OpenVINO's own "
        f"profile. A large matrix product reaches {peak / 1e9:.0f} GFLOP/s on this core.",
        [
            Row(
                name,
                f"{seconds / whole:.0%}, {1000 * seconds / rows:.2f} ms a row"
                + _speed(unet, name, seconds / rows),
            )
            for name, seconds in sorted(taken.items(), key=itemgetter(1), reverse=True)
        ],
    )


def _speed(unet: UNet, kind: str, row_seconds: float) -> str:
    if not (operators := OPERATORS.get(kind)):
        return ""
    flops = sum(unet.flops.get(each, 0.0) for each in operators)
    return f", {flops / 1e9:.2f} GFLOP a row: {flops / row_seconds / 1e9:.0f} GFLOP/s"
