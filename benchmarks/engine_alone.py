"""The U-Net's engine by itself in this process: what it could do, and what the loop makes of it."""

import time
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch
from torch.utils.flop_counter import FlopCounterMode

from basemodel import load as load_base_model
from benchmarks.machine import gemm_flops, has_bfloat16
from benchmarks.tables import Row, Table
from benchmarks.triton_counts import Counts
from export.graphs import graphs
from export.runtimes import Array, Runtime, load
from identity import STAGES, ServingBundle

ROWS = (1, 2, 4, 8, 16)
ROUNDS = 10
MAX_OVERHEAD = 0.10


def engine_alone(checkpoint: Path, bundle: Path, looped: Counts, in_process: float) -> Table:
    """The table of the engine.

    Args:
        checkpoint: the base model.
        bundle: its serving bundle.
        looped: what Triton counted while the loop had work for eight rows.
        in_process: seconds of a row of such steps with the engine in the loop's own process.
    """
    graph = next(
        each for each in graphs(load_base_model(checkpoint), STAGES) if each.name == "unet"
    )
    inputs = {name: tensor.numpy() for name, tensor in graph.inputs.items()}
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        graph.module(*graph.inputs.values())
    flops = counter.get_total_flops() / len(inputs["timestep"])
    peak, half_peak = gemm_flops(torch.float32), gemm_flops(torch.bfloat16)
    engine = load(ServingBundle.load(bundle).engine, bundle / "models/unet/1")
    seconds = {rows: _call_seconds(engine, inputs, rows) for rows in ROWS}
    row = looped.step_seconds / looped.rows
    inside = looped.engine_seconds / looped.rows
    reached = looped.rows * flops / looped.engine_seconds
    fastest = min(seconds, key=lambda rows: seconds[rows] / rows)
    overhead = (row - inside) / row
    return Table(
        "The engine and the loop around it",
        f"The U-Net takes {flops / 1e9:.2f} GFLOP a row; the loop was loaded with steps of "
        f"{looped.rows / looped.steps:.1f} rows on average.",
        [
            *(
                Row(
                    f"a call of {rows} rows, in this process",
                    f"{1000 * each:.1f} ms, {1000 * each / rows:.2f} ms a row",
                )
                for rows, each in seconds.items()
            ),
            Row(
                "best throughput of calls / that of calls of 2 rows",
                f"{seconds[2] / 2 / (seconds[fastest] / fastest):.2f}x",
            ),
            Row("float32 matrix product of this CPU", f"{peak / 1e9:.1f} GFLOP/s"),
            Row("bfloat16 matrix product of this CPU", f"{half_peak / 1e9:.1f} GFLOP/s"),
            Row(
                "share of the float32 peak that the U-Net reaches in the loaded loop",
                f"{reached / peak:.0%}",
            ),
            Row(
                "share of the bfloat16 peak",
                f"{reached / half_peak:.0%}"
                if has_bfloat16()
                else f"no bf16 instructions here ({half_peak / 1e9:.1f} GFLOP/s emulated)",
            ),
            Row("a row in the loop", f"{1000 * row:.2f} ms"),
            Row("of it the U-Net's process", f"{1000 * inside:.2f} ms"),
            Row("a row with the engine in the loop's own process", f"{1000 * in_process:.2f} ms"),
            Row(
                "overhead of scheduling, batching and BLS",
                f"{overhead:.1%} of a step",
                f"<= {MAX_OVERHEAD:.0%}: {'reached' if overhead <= MAX_OVERHEAD else 'missed'}",
            ),
        ],
    )


def _call_seconds(engine: Runtime, inputs: Mapping[str, Array], rows: int) -> float:
    """Median time of a call."""
    batch = {
        name: np.ascontiguousarray(np.resize(tensor, (rows, *tensor.shape[1:])))
        for name, tensor in inputs.items()
    }
    engine(batch)
    seconds = []
    for _ in range(ROUNDS):
        began = time.monotonic()
        engine(batch)
        seconds.append(time.monotonic() - began)
    return sorted(seconds)[ROUNDS // 2]
