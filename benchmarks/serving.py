"""``python -m benchmarks.serving``: the sampler against its peers, all in one run on one machine.

Prints the tables and writes them to docs/benchmarks.md.
"""

import asyncio
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
from benchmarks.costs import feature_costs
from benchmarks.engine_alone import engine_alone
from benchmarks.in_process import row_seconds
from benchmarks.load import Result, arriving, one_at_a_time
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
from benchmarks.requests import Requests, Tensors, as_batches
from benchmarks.tables import Row, Table, comparison, write_section
from benchmarks.triton_counts import Counts, counts
from deploy.triton import TritonServer

STEPS = 20
GUIDANCE = 7.5
CROWD = 16
IDENTITIES = 8
ROUNDS = 5

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
    peer = diffusers_pipeline(checkpoint, STEPS, GUIDANCE, ROUNDS)
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
    real = with_request_level(bundle, scratch / "real")
    async with _served(real, scratch / "real-triton", requests) as (server, client):
        solo = await one_at_a_time(client, "sampler", requests.crowd(ROUNDS, 1))
        real_crowd = await crowd.measure(client, many, solo.mean / 10)
        looped = await _loaded(server, client, four)
        costs = await feature_costs(client, requests)
        quality = await interval_quality(client, requests, checkpoint)
    sleeping = on_simulated_accelerator(bundle, scratch / "sleeping")
    simulated = with_request_level(sleeping, scratch / "simulated")
    async with _served(simulated, scratch / "simulated-triton", requests) as (_, client):
        alone = await one_at_a_time(client, "sampler", many[:2])
        simulated_crowd = await crowd.measure(client, many, alone.mean / 10)
    in_process = await row_seconds(bundle, four, ROUNDS)
    return [
        _one_at_a_time(solo, peer),
        real_crowd.table("Many requests at once", REAL_BARS, peer),
        simulated_crowd.table(
            "Many requests at once, on a simulated accelerator", SIMULATED_BARS, note=SIMULATED
        ),
        engine_alone(checkpoint, bundle, looped, in_process),
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


async def _loaded(
    server: TritonServer, client: InferenceServerClient, requests: list[Tensors]
) -> Counts:
    """What the loop and its engine did while these were drawn together, several times."""
    before = await counts(server, client)
    for _ in range(ROUNDS):
        await arriving(client, "sampler", requests, 0.0)
    return (await counts(server, client)).since(before)


def _one_at_a_time(solo: Result, peer: Peer) -> Table:
    others = "; ".join(f"{name}: {1 / each:.2f}" for name, each in peer.tried.items())
    ratio = comparison(peer.seconds / solo.mean, at_least=3)
    return Table(
        "One request at a time",
        f"{STEPS} steps with guidance, one picture a request.",
        [
            Row("diffusers, " + peer.setting, f"{1 / peer.seconds:.2f} pictures/s"),
            Row("Likeness", f"{1 / solo.mean:.2f} pictures/s"),
            Row("Likeness / diffusers", *ratio),
        ],
        f"All settings of diffusers that were tried, pictures/s: {others}.",
    )


if __name__ == "__main__":
    typer.run(main)
