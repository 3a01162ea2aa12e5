"""``python -m benchmarks.gpu``: a served bundle on an NVIDIA GPU, steps and pictures a second.

Triton must serve the bundle; docs/gpu.md says how. The figures go to a JSON file, with what they
were measured on. Not run by this project, which had no TensorRT where it had a GPU;
``benchmarks.gpu_torch`` was.
"""

import asyncio
import json
import statistics
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from rich.console import Console
from rich.table import Table
from tritonclient.grpc import InferInput
from tritonclient.grpc.aio import InferenceServerClient
from tritonclient.utils import np_to_triton_dtype

from benchmarks.requests import Requests, Tensors
from export.manifest import PLAN, EngineManifest, EngineMismatchError
from identity import BundleError, ServingBundle

BATCHES = (1, 4, 8)
"""Pictures that are drawn together; with guidance each takes two rows."""
WARM_REQUESTS = 2
GUIDANCE = 7.5


@dataclass(frozen=True)
class Row:
    """What was measured with so many pictures in one request.

    Attributes:
        pictures, steps: of each request.
        median_seconds, worst_seconds: from request to last picture, on the client's clock.
        pictures_per_second: of all requests.
        steps_per_second: the loop's, decoding and everything else included.
        engine_milliseconds: a U-Net call's time on the GPU, as Triton counts it.
        engine_steps_per_second: what the U-Net alone would allow.
    """

    pictures: int
    steps: int
    median_seconds: float
    worst_seconds: float
    pictures_per_second: float
    steps_per_second: float
    engine_milliseconds: float
    engine_steps_per_second: float


def summarise(
    pictures: int, steps: int, seconds: Sequence[float], engine_calls: int, engine_seconds: float
) -> Row:
    """A row of the table.

    Args:
        pictures, steps: of each request.
        seconds: how long each request took.
        engine_calls, engine_seconds: the U-Net's calls during all of them, and their time.
    """
    total = sum(seconds)
    call = engine_seconds / engine_calls
    return Row(
        pictures=pictures,
        steps=steps,
        median_seconds=statistics.median(seconds),
        worst_seconds=max(seconds),
        pictures_per_second=pictures * len(seconds) / total,
        steps_per_second=steps * len(seconds) / total,
        engine_milliseconds=1000 * call,
        engine_steps_per_second=1 / call,
    )


def table(rows: Sequence[Row]) -> Table:
    """The rows for a terminal."""
    drawn = Table("pictures", "steps", "s, median", "s, worst", "pictures/s", "it/s", "U-Net ms")
    for row in rows:
        drawn.add_row(
            str(row.pictures),
            str(row.steps),
            f"{row.median_seconds:.3f}",
            f"{row.worst_seconds:.3f}",
            f"{row.pictures_per_second:.2f}",
            f"{row.steps_per_second:.1f}",
            f"{row.engine_milliseconds:.2f}",
        )
    return drawn


def gpu() -> dict[str, str]:
    """Name, compute capability and memory of the GPU, and the versions of what runs on it.

    Raises:
        RuntimeError: there is none.
    """
    import torch

    if not torch.cuda.is_available():
        raise RuntimeError("no NVIDIA GPU here; benchmarks.serving measures the service on a CPU")
    found = torch.cuda.get_device_properties(0)
    return {
        "gpu": found.name,
        "capability": f"{found.major}.{found.minor}",
        "memory_gib": f"{found.total_memory / 2**30:.0f}",
        "torch": torch.__version__,
        "cuda": str(torch.version.cuda),
    }


def engine(bundle: Path) -> dict[str, object]:
    """What the U-Net's engine was compiled by and for.

    Raises:
        EngineMismatchError: there is no engine for a GPU.
    """
    plan = next((bundle / "models/unet/1").glob(f"*{PLAN}"), None)
    if plan is None:
        raise EngineMismatchError(f"{bundle} holds no engine for a GPU: export it for one")
    made = EngineManifest.load(plan)
    return {
        "library": made.library,
        "version": made.version,
        "capabilities": made.capabilities,
        "precision": made.precision,
    }


async def measure(triton: str, bundle: Path, steps: int, repeats: int) -> tuple[str, list[Row]]:
    """Draws ``repeats`` requests of each number of pictures, one after another.

    Returns:
        Triton's version, and a row for each number.
    """
    requests = Requests(bundle, steps, GUIDANCE)
    rows = []
    async with InferenceServerClient(triton) as client:
        version = (await client.get_server_metadata()).version
        for pictures in BATCHES:
            seeds = np.arange(pictures, dtype=np.int64)
            wanted = requests.of(identity=0, seed=0, seeds=seeds)
            for _ in range(WARM_REQUESTS):
                await _draw(client, wanted)
            calls, nanoseconds = await _engine(client)
            seconds = [await _draw(client, wanted) for _ in range(repeats)]
            more_calls, more_nanoseconds = await _engine(client)
            spent = (more_nanoseconds - nanoseconds) / 1e9
            rows.append(summarise(pictures, steps, seconds, more_calls - calls, spent))
    return version, rows


async def _draw(client: InferenceServerClient, tensors: Tensors) -> float:
    inputs = []
    for name, tensor in tensors.items():
        each = InferInput(name, list(tensor.shape), np_to_triton_dtype(tensor.dtype))
        each.set_data_from_numpy(tensor)
        inputs.append(each)

    async def request() -> Any:
        yield {"model_name": "sampler", "inputs": inputs}

    began = time.monotonic()
    async for _, error in client.stream_infer(request()):
        if error is not None:
            raise error
    return time.monotonic() - began


async def _engine(client: InferenceServerClient) -> tuple[int, int]:
    """The U-Net's calls so far, and the nanoseconds that they took on the GPU."""
    found = (await client.get_inference_statistics("unet")).model_stats[0]
    return found.execution_count, found.inference_stats.compute_infer.ns


def main(
    bundle: Annotated[Path, typer.Option(help="The serving bundle.")] = Path(".likeness/serving"),
    triton: Annotated[str, typer.Option(help="Triton's gRPC endpoint.")] = "127.0.0.1:8001",
    steps: Annotated[int, typer.Option(min=1, max=150, help="Steps of each picture.")] = 50,
    repeats: Annotated[int, typer.Option(min=3, help="Requests of each size.")] = 10,
    out: Annotated[Path, typer.Option(help="Where the figures go.")] = Path("out/gpu.json"),
) -> None:
    """Measure a served bundle on this machine's GPU."""
    try:
        machine = gpu()
        description = ServingBundle.load(bundle)
        made = engine(bundle)
    except (BundleError, EngineMismatchError, RuntimeError) as error:
        typer.echo(f"gpu: {error}", err=True)
        raise typer.Exit(1) from None
    version, rows = asyncio.run(measure(triton, bundle, steps, repeats))
    out.parent.mkdir(parents=True, exist_ok=True)
    figures = {
        "machine": machine,
        "triton": version,
        "engine": made,
        "base_model_digest": description.base_model_digest,
        "picture": [description.image_height, description.image_width],
        "rows": [asdict(row) for row in rows],
    }
    out.write_text(json.dumps(figures, indent=2) + "\n")
    console = Console()
    console.print(f"{machine['gpu']}, {description.engine}, {steps} steps, guidance {GUIDANCE}")
    console.print(table(rows))


if __name__ == "__main__":
    typer.run(main)
