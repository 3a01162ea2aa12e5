"""What Triton counted while a load ran."""

import asyncio
import urllib.request
from dataclasses import dataclass

from tritonclient.grpc.aio import InferenceServerClient

from deploy.triton import TritonServer


@dataclass(frozen=True)
class Counts:
    """Counters of this moment.

    Attributes:
        steps, rows: of the sampler's loop.
        step_seconds: time of the steps.
        engine_seconds: time that the U-Net's process spent computing.
    """

    steps: float
    rows: float
    step_seconds: float
    engine_seconds: float

    def since(self, earlier: "Counts") -> "Counts":
        """What has come on top."""
        return Counts(
            self.steps - earlier.steps,
            self.rows - earlier.rows,
            self.step_seconds - earlier.step_seconds,
            self.engine_seconds - earlier.engine_seconds,
        )


async def counts(server: TritonServer, client: InferenceServerClient) -> Counts:
    """Reads the sampler's metrics and the U-Net's statistics."""
    url = f"http://127.0.0.1:{server.ports.metrics}/metrics"
    lines = (await asyncio.to_thread(_read, url)).splitlines()
    values = dict(line.rsplit(" ", 1) for line in lines if line and not line.startswith("#"))
    sampler = {
        name: float(values.get(f"likeness_sampler_{name}_total", 0))
        for name in ("steps", "rows", "step_seconds")
    }
    statistics = await client.get_inference_statistics("unet")
    nanoseconds = statistics.model_stats[0].inference_stats.compute_infer.ns
    return Counts(**sampler, engine_seconds=nanoseconds / 1e9)


def _read(url: str) -> str:
    with urllib.request.urlopen(url) as page:
        return str(page.read().decode())
