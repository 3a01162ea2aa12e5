"""``python -m benchmarks.gateway``: what the gateway adds to Triton, and how much it can carry.

A simulated sampler in a real Triton, so that the gateway is what is measured. Prints the tables and
writes them to docs/benchmarks.md.
"""

import asyncio
import tempfile
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from tritonclient.grpc.aio import InferenceServerClient

from benchmarks import gateway_tables as tables
from benchmarks.gateway_load import Caller, Rate, Use, calling, rate, soak, use_of
from benchmarks.load import answered
from benchmarks.machine import description
from benchmarks.requests import Requests
from benchmarks.simulated_bundle import write_simulated_bundle
from benchmarks.tables import Table, write_section
from benchmarks.training_service import Gateway, running
from deploy.triton import TritonServer
from identity import ServingBundle
from service.trial_certificate import write_trial_certificate
from tests.support.ports import free_ports
from tests.support.postgres import PostgresServer

ROUNDS = 40
CONNECTIONS = 8
HANDS = 16
CONTROL_SECONDS = 4.0
STREAMS = 1000
STREAM_STEPS = 8
STREAM_ROUNDS = 4

QUOTAS = {
    "QUOTAS__REQUESTS_PER_SECOND": "100000",
    "QUOTAS__GENERATIONS": "100",
    "QUOTAS__IDENTITIES": "100000",
}


def main(
    checkpoint: Annotated[Path, typer.Option(help="Base model.")] = Path("faceworld/checkpoint"),
    page: Annotated[Path, typer.Option(help="Where the tables go.")] = Path("docs/benchmarks.md"),
    soak_seconds: Annotated[float, typer.Option(help="Length of the soak; 0: none.")] = 600.0,
    note: Annotated[str, typer.Option(help="What else the machine did.")] = "",
) -> None:
    """Measure the gateway."""
    with (
        tempfile.TemporaryDirectory() as scratch,
        closing(PostgresServer(durable=True)) as postgres,
    ):
        place = Path(scratch)
        bundle = write_simulated_bundle(checkpoint, place / "bundle")
        with TritonServer(place / "bundle", place, threads=1) as triton:
            bench = Bench(place, bundle, triton.grpc_address)
            found = asyncio.run(_measure(bench, postgres.database(), soak_seconds))
    for table in found:
        typer.echo(str(table))
    text = [
        "Written by `make bench-gateway` in one run, against a simulated sampler in a real Triton:",
        "a step takes 26 ms, 32 pictures take one at the same time, every picture is the same",
        f"photograph. Whatever is compared took turns. {note}".rstrip(),
        "",
        f"Machine: {description()}",
    ]
    write_section(page, "Benchmarks of the gateway", text, found)


@dataclass
class Bench:
    """Starts gateways on the same Triton, each in a directory of its own."""

    place: Path
    bundle: ServingBundle
    triton: str
    count: int = 0

    @asynccontextmanager
    async def gateway(self, **settings: str) -> AsyncIterator[tuple[int, Caller]]:
        """A gateway's pid and a caller of it."""
        self.count += 1
        settings = {
            "TRITON__URL": self.triton,
            "BUNDLE": str(self.place / "bundle"),
            "METRICS_LISTEN": f"127.0.0.1:{free_ports(1)[0]}",
            **settings,
        }
        home = self.place / f"gateway-{self.count}"
        gateway = Gateway(home, self.place / "no-base-model", free_ports(1)[0], settings)
        async with running(gateway), calling(gateway.address, CONNECTIONS) as caller:
            assert gateway.process is not None
            yield gateway.process.pid, caller


async def _measure(bench: Bench, postgres: str, soak_seconds: float) -> list[Table]:
    overheads = [await overhead(bench, side) for side in (64, 512)]
    databases = {"SQLite": {}, "PostgreSQL": {"DATABASE__URL": postgres}}
    rates = {name: await control(bench, settings) for name, settings in databases.items()}
    quotas = {name: await quota_cost(bench, settings) for name, settings in databases.items()}
    processes = {count: await spread(bench, count) for count in (1, 2)}
    found = [
        tables.overhead(overheads),
        tables.control(rates, processes),
        tables.quotas(quotas),
        tables.streams(await streams(bench)),
    ]
    if soak_seconds:
        async with bench.gateway() as (pid, caller):
            found.append(tables.soak(await soak(pid, caller, bench.bundle, soak_seconds)))
    return found


async def overhead(bench: Bench, side: int) -> tables.Overhead:
    """Latencies of a picture, directly from Triton and through gateways, in turns."""
    requests = Requests(bench.place / "bundle", steps=1, guidance=7.5)
    tensors = requests.of(0, 1, size=np.array([side, side], np.int32))
    chain, key, _ = write_trial_certificate(bench.place / "certificates")
    signing = {"PROVENANCE__CERTIFICATES": str(chain), "PROVENANCE__PRIVATE_KEY": str(key)}
    found = tables.Overhead(side)
    async with (
        InferenceServerClient(bench.triton) as client,
        bench.gateway() as (_, plain),
        bench.gateway(**signing) as (_, signed),
    ):
        name = await plain.learned(bench.bundle, "ann")
        await signed.learned(bench.bundle, "ann")
        for _ in range(ROUNDS):
            for latencies, call in (
                (found.direct, answered(client, "sampler", tensors)),
                (found.plain, plain.draw(name, side, 1)),
                (found.signed, signed.draw(name, side, 1)),
            ):
                began = time.monotonic()
                await call
                latencies.append(time.monotonic() - began)
    return found


async def control(bench: Bench, settings: Mapping[str, str]) -> dict[str, Rate]:
    """Calls that only the gateway and its database answer."""
    async with bench.gateway(**settings) as (pid, caller):
        name = await caller.learned(bench.bundle, "ann")
        return {
            "Check": await rate(pid, caller.check, CONTROL_SECONDS, HANDS),
            "GetIdentity": await rate(pid, lambda: caller.get(name), CONTROL_SECONDS, HANDS),
            "ListIdentities": await rate(pid, caller.list, CONTROL_SECONDS, HANDS),
        }


async def quota_cost(bench: Bench, settings: Mapping[str, str]) -> tables.QuotaCost:
    """The same calls without quotas and with all of them, in turns."""
    cost = tables.QuotaCost()
    if settings:  # who shares a database shares its blobs
        settings = {**settings, "BLOBS__URL": (bench.place / "shared-blobs").as_uri()}
    async with (
        bench.gateway(**settings) as (free_pid, free),
        bench.gateway(**settings, **QUOTAS) as (bound_pid, bound),
    ):
        name = await free.learned(bench.bundle, "ben")
        if not settings:  # each has a database of its own
            await bound.learned(bench.bundle, "ben")
        for _ in range(3):
            for pid, caller, calls, drawings in (
                (free_pid, free, cost.free_calls, cost.free_drawings),
                (bound_pid, bound, cost.bound_calls, cost.bound_drawings),
            ):
                calls.append(await rate(pid, lambda c=caller: c.get(name), 1.0, HANDS))  # type: ignore[misc]
                draw = lambda c=caller: c.draw(name, 64, 1)  # noqa: E731
                drawings.append(await rate(pid, draw, 1.0, 1))
    return cost


async def spread(bench: Bench, processes: int) -> Rate:
    """A gateway of several processes."""
    async with bench.gateway(PROCESSES=str(processes)) as (pid, caller):
        name = await caller.learned(bench.bundle, "ann")
        return await rate(pid, lambda: caller.get(name), CONTROL_SECONDS, 2 * HANDS)


async def streams(bench: Bench) -> tables.Streams:
    """Many streams at once, several times over, on one process."""
    async with bench.gateway() as (pid, caller):
        name = await caller.learned(bench.bundle, "ann")
        await caller.stream(name, 64, 1)
        found = tables.Streams(STREAMS, STREAM_STEPS, [use_of(pid)])
        for _ in range(STREAM_ROUNDS):
            began, before = time.monotonic(), use_of(pid)
            drawing = asyncio.gather(
                *(caller.stream(name, 64, STREAM_STEPS) for _ in range(STREAMS))
            )
            most = before
            while not drawing.done():
                await asyncio.wait([drawing], timeout=0.5)
                most = max(most, use_of(pid), key=_memory)
            found.messages += sum(await drawing)
            found.seconds += time.monotonic() - began
            found.cpu_seconds += use_of(pid).seconds - before.seconds
            found.most.append(most)
            found.rest.append(use_of(pid))
        return found


def _memory(use: Use) -> float:
    return use.memory


if __name__ == "__main__":
    typer.run(main)
