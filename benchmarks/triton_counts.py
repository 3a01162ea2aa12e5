"""What Triton counted while a load ran."""

import asyncio
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass

from tritonclient.grpc.aio import InferenceServerClient

from deploy.triton import TritonServer
from sampler.timeline import PHASES


@dataclass(frozen=True)
class Counts:
    """Counters of this moment.

    Attributes:
        steps, rows: of the sampler's loop.
        step_seconds: time of the steps.
        call_seconds: time of the U-Net's calls in them, the way there and back included.
        unet_seconds: time that the U-Net's process spent computing.
        phase_seconds: time of the drawn requests by phase, see :mod:`sampler.timeline`.
    """

    steps: float
    rows: float
    step_seconds: float
    call_seconds: float
    unet_seconds: float
    phase_seconds: Mapping[str, float]

    def since(self, earlier: "Counts") -> "Counts":
        """What has come on top."""
        phases = self.phase_seconds
        return Counts(
            self.steps - earlier.steps,
            self.rows - earlier.rows,
            self.step_seconds - earlier.step_seconds,
            self.call_seconds - earlier.call_seconds,
            self.unet_seconds - earlier.unet_seconds,
            {name: phases[name] - earlier.phase_seconds[name] for name in phases},
        )


async def counts(server: TritonServer, client: InferenceServerClient) -> Counts:
    """Reads the sampler's metrics and the U-Net's statistics."""
    url = f"http://127.0.0.1:{server.ports.metrics}/metrics"
    lines = (await asyncio.to_thread(_read, url)).splitlines()
    values = dict(line.rsplit(" ", 1) for line in lines if line and not line.startswith("#"))

    def value(name: str) -> float:
        return float(values.get(f"likeness_sampler_{name}", 0))

    statistics = await client.get_inference_statistics("unet")
    nanoseconds = statistics.model_stats[0].inference_stats.compute_infer.ns
    return Counts(
        steps=value("steps_total"),
        rows=value("rows_total"),
        step_seconds=value("step_seconds_total"),
        call_seconds=value("engine_seconds_total"),
        unet_seconds=nanoseconds / 1e9,
        phase_seconds={each: value(f'phase_seconds_total{{phase="{each}"}}') for each in PHASES},
    )


def _read(url: str) -> str:
    with urllib.request.urlopen(url) as page:
        return str(page.read().decode())
