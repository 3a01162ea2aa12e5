"""``python -m benchmarks.capacity_check``: the capacity model beside a real Triton.

The engine is simulated, the sampler is real. Two loads make the model, others are held against it.
"""

import asyncio
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Annotated

import typer
from tritonclient.grpc.aio import InferenceServerClient

from benchmarks.fleet import Engine, poisson, serve
from benchmarks.load import Result, answered, arriving, one_at_a_time
from benchmarks.peer_models import (
    SIMULATED_LAUNCH_SECONDS,
    SIMULATED_ROW_SECONDS,
    SIMULATED_ROWS,
    on_simulated_accelerator,
)
from benchmarks.requests import Requests, Tensors
from benchmarks.triton_counts import counts
from deploy.triton import TritonServer

STEPS, ROWS, GUIDANCE = 20, 2, 7.5
IDENTITIES = 8
WARM_ROUNDS = 5
CLOSED = (2, 4, 8)
"""Callers that each ask again when they are answered."""
CROWD = 16
"""So many are the load that the model knows, besides requests one at a time."""
SHARES = (0.3, 0.6, 0.85)
"""Of the most that the model holds possible: callers who know nothing of one another."""
EACH = 12
"""Requests of each caller; the open loads have as many as the crowd."""


def main(
    bundle: Annotated[Path, typer.Option(help="Serving bundle; exported if out of date.")] = Path(
        "out/bench/serving"
    ),
    checkpoint: Annotated[Path, typer.Option(help="Base model.")] = Path("faceworld/checkpoint"),
) -> None:
    """Measure and predict."""
    export = ["-m", "export", "--checkpoint", str(checkpoint), "--out", str(bundle)]
    subprocess.run([sys.executable, *export], check=True)
    with tempfile.TemporaryDirectory(dir=bundle.parent) as scratch:
        asyncio.run(_check(bundle, Path(scratch)))


async def _check(bundle: Path, scratch: Path) -> None:
    sleeping = on_simulated_accelerator(bundle, scratch / "bundle")
    requests = Requests(bundle, STEPS, GUIDANCE).crowd(CROWD * EACH, IDENTITIES)
    (scratch / "triton").mkdir()
    with TritonServer(sleeping, scratch / "triton") as server:
        async with InferenceServerClient(server.grpc_address) as client:
            engine = await _calibrated(server, client, requests)
            typer.echo(
                f"a step: {1000 * engine.launch:.1f} ms + {1000 * engine.row:.2f} ms a row; "
                f"beside: {1000 * engine.beside:.0f} ms a request\n"
            )
            typer.echo("| load | pictures/s | predicted | mean s | predicted | p95 s | predicted |")
            typer.echo("|---|---|---|---|---|---|---|")
            for callers in CLOSED:
                measured = await _closed(client, requests[: callers * EACH], callers)
                again = (EACH - 1) * callers
                predicted = serve(engine, [0.0] * callers, STEPS, ROWS, again)
                _row(f"{callers} callers", measured, predicted)
            most = engine.pictures_per_second(STEPS, ROWS)
            for share in SHARES:
                times = poisson(share * most, len(requests))
                measured = await _open(client, requests, times)
                _row(f"{share * most:.1f} a second", measured, serve(engine, times, STEPS, ROWS))


async def _calibrated(
    server: TritonServer, client: InferenceServerClient, requests: Sequence[Tensors]
) -> Engine:
    """The model's engine, from requests one at a time and from a crowd that keeps asking: what
    newcomers cost the loop shows in its steps.
    """
    for _ in range(WARM_ROUNDS):
        for number in (CROWD, *reversed(CLOSED), 1):
            await arriving(client, "sampler", requests[:number], 0.0)
    seen = [await counts(server, client)]
    alone = await one_at_a_time(client, "sampler", requests[:EACH])
    seen.append(await counts(server, client))
    await _closed(client, requests, CROWD)
    seen.append(await counts(server, client))
    spent = [later.since(earlier) for earlier, later in pairwise(seen)]
    steps = [(each.rows / each.steps, each.step_seconds / each.steps) for each in spent]
    decode = {"decode_launch": SIMULATED_LAUNCH_SECONDS, "decode_row": SIMULATED_ROW_SECONDS}
    engine = Engine.fitted(steps, SIMULATED_ROWS, **decode)
    beside = alone.mean - STEPS * engine.step(ROWS) - engine.decode(1)
    return Engine.fitted(steps, SIMULATED_ROWS, beside=max(0.0, beside), **decode)


async def _closed(
    client: InferenceServerClient, requests: Sequence[Tensors], callers: int
) -> Result:
    clock = asyncio.get_running_loop().time
    began = clock()
    latencies: list[float] = []

    async def caller(own: Sequence[Tensors]) -> None:
        for request in own:
            asked = clock()
            await answered(client, "sampler", request)
            latencies.append(clock() - asked)

    await asyncio.gather(*(caller(requests[number::callers]) for number in range(callers)))
    return Result(clock() - began, tuple(latencies))


async def _open(
    client: InferenceServerClient, requests: Sequence[Tensors], times: Sequence[float]
) -> Result:
    clock = asyncio.get_running_loop().time
    began = clock()
    latencies: list[float] = []

    async def one(request: Tensors, time: float) -> None:
        await asyncio.sleep(began + time - clock())
        asked = clock()
        await answered(client, "sampler", request)
        latencies.append(clock() - asked)

    await asyncio.gather(*map(one, requests, times))
    return Result(clock() - began - times[0], tuple(latencies))


def _row(load: str, measured: Result, predicted: Result) -> None:
    figures = [
        f"{seen:.2f} | {told:.2f} ({told / seen - 1:+.0%})"
        for seen, told in (
            (measured.throughput, predicted.throughput),
            (measured.mean, predicted.mean),
            (measured.p95, predicted.p95),
        )
    ]
    typer.echo(f"| {load} | {' | '.join(figures)} |")


if __name__ == "__main__":
    typer.run(main)
