"""``python -m benchmarks.dispatch``: the real dispatcher before a long queue and 1,000 workers.

First the queries are timed as the queue grows, then the dispatcher runs for a while. Database,
stores, dispatcher and attempts are the service's own; the trainings only take time.
"""

import asyncio
import resource
import tempfile
import time
import uuid
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from statistics import median
from typing import Annotated, Any

import structlog
import typer

from benchmarks.simulated_trainings import (
    GROUP,
    SimulatedBackend,
    dispatching,
    fill,
    lay_out,
)
from service.attempts import EXPIRED
from service.blobs import BlobStore
from service.errors import UnavailableError
from service.metrics import Metrics
from service.store import (
    Database,
    JobStore,
    LeadershipStore,
    NewTraining,
    OperationState,
    OperationStore,
)
from tests.support.postgres import PostgresServer

ROUNDS, PATIENCE = 7, 15.0
"""Times that a query is timed, and the seconds after which it is not timed again."""


class Kind(StrEnum):
    """Of database."""

    SQLITE = "sqlite"
    POSTGRESQL = "postgresql"


def main(
    kind: Annotated[Kind, typer.Argument(help="Database.")],
    jobs: Annotated[int, typer.Option(help="That wait.")] = 100_000,
    tenants: Annotated[int, typer.Option(help="Whose they are.")] = 200,
    workers: Annotated[int, typer.Option(help=f"GPUs, each with {GROUP} trainings.")] = 1000,
    training: Annotated[float, typer.Option(help="Seconds of a training.")] = 60.0,
    tell: Annotated[float, typer.Option(help="Seconds between two reports of one.")] = 0.25,
    seconds: Annotated[float, typer.Option(help="That the dispatcher runs.")] = 120.0,
) -> None:
    """Measure the dispatcher."""
    structlog.configure(
        [structlog.processors.JSONRenderer()], structlog.make_filtering_bound_logger("critical")
    )
    with tempfile.TemporaryDirectory() as scratch, _database(kind, Path(scratch)) as url:
        load = Load(jobs, tenants, workers, training, tell, seconds)
        asyncio.run(_measure(url, Path(scratch), load))


@dataclass(frozen=True)
class Load:
    """What is asked of the dispatcher; see the options."""

    jobs: int
    tenants: int
    workers: int
    training: float
    tell: float
    seconds: float


@contextmanager
def _database(kind: Kind, home: Path) -> Iterator[str]:
    if kind is Kind.SQLITE:
        yield f"sqlite+aiosqlite:///{home}/likeness.db"
        return
    server = PostgresServer(durable=True)
    try:
        yield server.database()
    finally:
        server.close()


async def _measure(url: str, home: Path, load: Load) -> None:
    metrics = Metrics()
    database = Database(url, metrics)
    await database.migrate()
    running = await fill(database, OperationState.RUNNING, load.workers * GROUP, load.tenants)
    waiting: list[str] = []
    length = 1000
    while True:
        waiting += await fill(database, OperationState.QUEUED, length - len(waiting), load.tenants)
        typer.echo(f"{length} wait, {len(running)} run")
        for name, milliseconds in await queries(database):
            typer.echo(f"  {name:40} {milliseconds}")
        if length >= load.jobs:
            break
        length = min(10 * length, load.jobs)
    blobs = BlobStore((home / "blobs").as_uri(), metrics)
    await lay_out(blobs, [*running, *waiting])
    await run(database, blobs, load, metrics)
    await database.close()


async def queries(database: Database) -> list[tuple[str, str]]:
    """Median milliseconds of what the service asks the database about the queue."""
    jobs, store = JobStore(database), OperationStore(database)
    leadership = LeadershipStore(database)
    term = await leadership.take(await leadership.reign(), "benchmark")
    assert term is not None

    async def claim() -> None:
        assert await jobs.claim(term) is not None

    async def create() -> None:
        name = str(uuid.uuid4())
        new = NewTraining(name, name, "person", "default", 0, "", None, "", "tenant-0")
        assert await store.create(new) is not None

    return [
        ("claim", await _timed(claim)),
        ("expire", await _timed(lambda: jobs.expire(term, EXPIRED))),
        ("when the next may start", await _timed(jobs.next_time)),
        ("accept a training, place included", await _timed(create)),
        ("a page of 50 with their places", await _timed(lambda: store.page("tenant-1", 50, ""))),
        ("all by state, for the metrics", await _timed(jobs.queue)),
    ]


async def _timed(query: Callable[[], Awaitable[Any]]) -> str:
    seconds: list[float] = []
    while len(seconds) < ROUNDS and sum(seconds) < PATIENCE:
        began = time.monotonic()
        try:
            await query()
        except UnavailableError:
            return f"refused after {time.monotonic() - began:.0f} s"
        seconds.append(time.monotonic() - began)
    return f"{1000 * median(seconds):.1f} ms"


async def run(database: Database, blobs: BlobStore, load: Load, metrics: Metrics) -> None:
    """Lets the dispatcher work, and tells what it does every ten seconds."""
    tells = max(1, round(load.training / load.tell))
    backend = SimulatedBackend(load.training, tells)
    cpu, began = _cpu(), time.monotonic()
    async with dispatching(database, blobs, backend, load.workers, metrics):
        last = 0
        while time.monotonic() - began < load.seconds:
            await asyncio.sleep(10)
            passed = time.monotonic() - began
            typer.echo(
                f"{passed:6.0f} s: {backend.running} run, {backend.ended} ended, "
                f"{(backend.ended - last) / 10:.1f} a second; CPU {(_cpu() - cpu) / passed:.0%}"
            )
            last = backend.ended
        spent = _cpu() - cpu
        for name, histogram in (
            ("database", metrics.store_seconds),
            ("blobs", metrics.blob_seconds),
        ):
            for sample in next(iter(histogram.collect())).samples:
                if sample.name.endswith(("_count", "_sum")) and sample.value:
                    typer.echo(f"  {name} {sample.labels} {sample.name[-5:]} {sample.value:.1f}")
        typer.echo(f"{1000 * spent / max(1, backend.ended):.2f} ms of CPU a training")


def _cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


if __name__ == "__main__":
    typer.run(main)
