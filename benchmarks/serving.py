"""``python -m benchmarks.serving``: the sampler against its peers, all in one run on one machine.

Prints the tables and writes them to docs/benchmarks.md.
"""

import asyncio
import statistics
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Annotated

import typer
from tritonclient.grpc.aio import InferenceServerClient

from benchmarks import crowd
from benchmarks.breakdown import breakdown
from benchmarks.costs import feature_costs
from benchmarks.load import arriving, one_at_a_time
from benchmarks.loaded_loop import loaded
from benchmarks.machine import description
from benchmarks.peer_models import (
    REQUEST_LEVEL,
    SIMULATED_LAUNCH_SECONDS,
    SIMULATED_ROW_SECONDS,
    SIMULATED_ROWS,
    on_simulated_accelerator,
    with_request_level,
)
from benchmarks.peers import Peer, diffusers_pipeline
from benchmarks.quality import interval_quality
from benchmarks.requests import Requests, as_batches
from benchmarks.tables import Row, Table, comparison, write_section
from benchmarks.unet_engines import UNet, unet_engines
from benchmarks.unet_layers import unet_layers
from benchmarks.ways_to_engine import ways_to_engine, with_variants
from deploy.triton import TritonServer

STEPS = 20
GUIDANCE = 7.5
CROWD = 16
IDENTITIES = 8
TRIALS = 5
"""Pictures of each setting of the peer."""
ROUNDS = 15

REAL_BARS = crowd.Bars(throughput=1.5, peer_throughput=4, mean=0.75, p95=0.7)
SIMULATED_BARS = crowd.Bars(throughput=4)
SIMULATED = (
    f"Simulated: {1000 * SIMULATED_LAUNCH_SECONDS:g} ms a call and "
    f"{1000 * SIMULATED_ROW_SECONDS:g} ms a row, at most {SIMULATED_ROWS} rows, in a Triton model "
    "that sleeps. It says what the scheduling gains where a call costs more than its rows, and "
    "nothing else."
)


def main(
    checkpoint: Annotated[Path, typer.Option(help="Base model.")] = Path("faceworld/checkpoint"),
    page: Annotated[Path, typer.Option(help="Where the tables go.")] = Path("docs/benchmarks.md"),
    bundle: Annotated[Path, typer.Option(help="Serving bundle; exported if out of date.")] = Path(
        "out/bench/serving"
    ),
) -> None:
    """Measure the sampler."""
    export = ["-m", "export", "--checkpoint", str(checkpoint), "--out", str(bundle)]
    subprocess.run([sys.executable, *export], check=True)
    peer = diffusers_pipeline(checkpoint, STEPS, GUIDANCE, TRIALS)
    with tempfile.TemporaryDirectory(dir=bundle.parent) as scratch:
        tables = asyncio.run(_measure(checkpoint, bundle, peer, Path(scratch)))
    for table in tables:
        typer.echo(str(table))
    text = [
        "Written by `make bench-serving`; all figures of this part come from one run.",
        "",
        f"Machine: {description()}",
        "",
        "How the sampler does it: [sampler.md](sampler.md).",
    ]
    write_section(page, "Benchmarks of serving", text, tables)


async def _measure(checkpoint: Path, bundle: Path, peer: Peer, scratch: Path) -> list[Table]:
    requests = Requests(bundle, STEPS, GUIDANCE)
    many = requests.crowd(CROWD, IDENTITIES)
    four = requests.crowd(4, 4)  # eight rows, guidance included
    real = with_variants(with_request_level(bundle, scratch / "real"))
    async with _served(real, scratch / "real-triton", requests) as (server, client):
        solo, peer_seconds = await _in_turns(client, requests, peer)
        parts = await breakdown(server, client, requests)
        real_crowd = await crowd.measure(client, many, solo / 10, peer)
        loop = await loaded(server, client, four)
        ways = await ways_to_engine(client, four)
        costs = await feature_costs(client, requests)
        quality = await interval_quality(client, requests, checkpoint)
    sleeping = on_simulated_accelerator(bundle, scratch / "sleeping")
    simulated = with_request_level(sleeping, scratch / "simulated")
    async with _served(simulated, scratch / "simulated-triton", requests) as (_, client):
        alone = await one_at_a_time(client, "sampler", many[:2])
        simulated_crowd = await crowd.measure(client, many, alone.mean / 10)
    unet = UNet.load(checkpoint)
    return [
        _one_at_a_time(solo, peer_seconds, peer),
        parts,
        real_crowd.table("Many requests at once", REAL_BARS),
        simulated_crowd.table(
            "Many requests at once, on a simulated accelerator", SIMULATED_BARS, note=SIMULATED
        ),
        loop.table(sum(unet.flops.values())),
        ways,
        unet_engines(unet, bundle),
        unet_layers(unet, bundle),
        costs,
        quality,
    ]


@asynccontextmanager
async def _served(
    bundle: Path, directory: Path, requests: Requests
) -> AsyncIterator[tuple[TritonServer, InferenceServerClient]]:
    """A Triton server of a bundle, warm: every batch size has been run."""
    await asyncio.to_thread(directory.mkdir)
    with TritonServer(bundle, directory) as server:
        async with InferenceServerClient(server.grpc_address) as client:
            warming = requests.crowd(CROWD, IDENTITIES)
            for count in range(1, CROWD // 2 + 1):
                await arriving(client, "sampler", warming[:count], 0.0)
            await arriving(client, REQUEST_LEVEL, as_batches(warming), 0.0)
            yield server, client


async def _in_turns(
    client: InferenceServerClient, requests: Requests, peer: Peer
) -> tuple[float, float]:
    """Median seconds of a picture by itself, of Likeness and of the peer, which take turns."""
    ours, theirs = [], []
    for request in requests.crowd(ROUNDS, 1):
        theirs.append(await peer.seconds())
        ours.append((await one_at_a_time(client, "sampler", [request])).mean)
    return statistics.median(ours), statistics.median(theirs)


def _one_at_a_time(solo: float, peer_seconds: float, peer: Peer) -> Table:
    others = "; ".join(f"{name}: {1 / each:.2f}" for name, each in peer.tried.items())
    return Table(
        "One request at a time",
        f"{STEPS} steps with guidance, one picture a request; medians of {ROUNDS} pictures of "
        "each, which took turns.",
        [
            Row("diffusers, " + peer.setting, f"{1 / peer_seconds:.2f} pictures/s"),
            Row("Likeness", f"{1 / solo:.2f} pictures/s"),
            Row("Likeness / diffusers", *comparison(peer_seconds / solo, at_least=3)),
        ],
        f"All settings of diffusers, tried before, pictures/s: {others}.",
    )


if __name__ == "__main__":
    typer.run(main)
