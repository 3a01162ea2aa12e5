"""What the loaded loop makes of the U-Net's engine, against what the processor could do."""

from dataclasses import dataclass

import torch
from tritonclient.grpc.aio import InferenceServerClient

from benchmarks.load import arriving
from benchmarks.machine import gemm_flops, has_bfloat16
from benchmarks.requests import Tensors
from benchmarks.tables import Row, Table
from benchmarks.triton_counts import Counts, counts
from deploy.triton import TritonServer

ROUNDS = 10
MAX_OVERHEAD = 0.10


@dataclass(frozen=True)
class Loaded:
    """The loop under load, and the processor in the pauses.

    Attributes:
        counted: what Triton counted while the loop had work for eight rows.
        float32, bfloat16: operations a second of large matrix products.
    """

    counted: Counts
    float32: float
    bfloat16: float

    def table(self, row_flops: float) -> Table:
        """The table, given the U-Net's operations for a row."""
        counted = self.counted
        row = counted.step_seconds / counted.rows
        inside = counted.unet_seconds / counted.rows
        reached = row_flops / inside
        overhead = (row - inside) / row
        return Table(
            "The engine and the loop around it",
            f"The U-Net takes {row_flops / 1e9:.2f} GFLOP a row; the loop was loaded with steps of "
            f"{counted.rows / counted.steps:.1f} rows on average.",
            [
                Row("float32 matrix product of this CPU", f"{self.float32 / 1e9:.1f} GFLOP/s"),
                Row("bfloat16 matrix product of this CPU", f"{self.bfloat16 / 1e9:.1f} GFLOP/s"),
                Row(
                    "share of the float32 peak that the U-Net reaches in the loaded loop",
                    f"{reached / self.float32:.0%}",
                ),
                Row(
                    "share of the bfloat16 peak",
                    f"{reached / self.bfloat16:.0%}"
                    if has_bfloat16()
                    else f"no bf16 instructions here ({self.bfloat16 / 1e9:.1f} GFLOP/s emulated)",
                ),
                Row("a row in the loop", f"{1000 * row:.2f} ms"),
                Row("of it the U-Net's process", f"{1000 * inside:.2f} ms"),
                Row(
                    "overhead of scheduling, batching and BLS",
                    f"{overhead:.1%} of a step",
                    f"<= {MAX_OVERHEAD:.0%}: {'reached' if overhead <= MAX_OVERHEAD else 'missed'}",
                ),
            ],
        )


async def loaded(
    server: TritonServer, client: InferenceServerClient, requests: list[Tensors]
) -> Loaded:
    """Draws the requests together, several times; between two times, multiplies matrices."""
    peaks = []
    before = await counts(server, client)
    for _ in range(ROUNDS):
        peaks.append(gemm_flops(torch.float32))
        await arriving(client, "sampler", requests, 0.0)
    counted = (await counts(server, client)).since(before)
    return Loaded(counted, max(peaks), gemm_flops(torch.bfloat16))
