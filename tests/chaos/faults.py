"""What goes wrong. Each fault lasts as long as its ``async with`` block, and is over afterwards."""

import asyncio
import contextlib
import os
import random
import signal
import sqlite3
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager

import asyncpg
from sqlalchemy import make_url

from tests.chaos.stack import Stack
from tests.support.s3_server import FINE
from tests.support.serving import kill_stub

JUMP_SECONDS = 3600
CUT_OTHERS = """
SELECT pg_terminate_backend(pid) FROM pg_stat_activity
WHERE pid <> pg_backend_pid() AND datname = current_database()
"""

Fault = Callable[[Stack, random.Random], AbstractAsyncContextManager[None]]


@asynccontextmanager
async def triton_killed(stack: Stack, _: random.Random) -> AsyncIterator[None]:
    stack.triton.process.kill()
    stack.triton.process.wait()
    yield
    await asyncio.to_thread(stack.triton.__enter__)


@asynccontextmanager
async def stub_killed(stack: Stack, _: random.Random) -> AsyncIterator[None]:
    with contextlib.suppress(AssertionError):  # it may just be loaded anew
        kill_stub(stack.triton, "sampler")
    yield


@asynccontextmanager
async def triton_slow(stack: Stack, chance: random.Random) -> AsyncIterator[None]:
    await asyncio.to_thread(stack.front.slow, chance.uniform(0.2, 3.0))
    yield
    await asyncio.to_thread(stack.front.slow, 0.0)


@asynccontextmanager
async def triton_failing(stack: Stack, chance: random.Random) -> AsyncIterator[None]:
    await asyncio.to_thread(stack.front.fail, chance.choice((20, 50, 100)))
    yield
    await asyncio.to_thread(stack.front.fail, 0)


@asynccontextmanager
async def storage_full(stack: Stack, _: random.Random) -> AsyncIterator[None]:
    stack.storage.refusal = lambda method: 507 if method == "PUT" else FINE
    yield
    stack.storage.refusal = lambda _: FINE


@asynccontextmanager
async def storage_slow(stack: Stack, chance: random.Random) -> AsyncIterator[None]:
    stack.storage.delay = chance.uniform(0.2, 2.0)
    yield
    stack.storage.delay = 0.0


@asynccontextmanager
async def storage_failing(stack: Stack, chance: random.Random) -> AsyncIterator[None]:
    """One in ten writes fails, for good and not only at the first try."""
    stack.storage.refusal = lambda method: (
        403 if method in ("PUT", "DELETE") and chance.random() < 0.1 else FINE
    )
    yield
    stack.storage.refusal = lambda _: FINE


@asynccontextmanager
async def gateway_killed(stack: Stack, _: random.Random) -> AsyncIterator[None]:
    stack.gateway.kill()
    await asyncio.to_thread(stack.gateway.start)
    yield


@asynccontextmanager
async def trainer_killed(stack: Stack, _: random.Random) -> AsyncIterator[None]:
    for pid in stack.gateway.trainers():
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    yield


@asynccontextmanager
async def clock_jumps(stack: Stack, chance: random.Random) -> AsyncIterator[None]:
    stack.clock.write_text(f"{chance.choice((-JUMP_SECONDS, JUMP_SECONDS)):+d}")
    yield
    stack.clock.write_text("+0")


@asynccontextmanager
async def disk_full(stack: Stack, _: random.Random) -> AsyncIterator[None]:
    assert stack.disk is not None
    ballast = stack.disk / "ballast"
    with ballast.open("wb", buffering=0) as file, contextlib.suppress(OSError):
        while True:
            file.write(bytes(2**16))
    yield
    ballast.unlink()


@asynccontextmanager
async def database_locked(stack: Stack, _: random.Random) -> AsyncIterator[None]:
    """Another process writes to the file, for long."""
    path = make_url(stack.gateway.database).database
    assert path is not None
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        yield


@asynccontextmanager
async def database_down(stack: Stack, _: random.Random) -> AsyncIterator[None]:
    assert stack.postgres is not None
    outage = stack.postgres.outage()
    await asyncio.to_thread(outage.__enter__)
    yield
    await asyncio.to_thread(outage.__exit__, None, None, None)


@asynccontextmanager
async def database_crowded(stack: Stack, _: random.Random) -> AsyncIterator[None]:
    """Others take all connections that are left, and cut those that the gateway has."""
    url = make_url(stack.gateway.database).set(drivername="postgresql")
    others = []
    try:
        with contextlib.suppress(asyncpg.PostgresError, OSError):
            others.append(await asyncpg.connect(str(url)))
            await others[0].execute(CUT_OTHERS)
            while True:
                others.append(await asyncpg.connect(str(url)))
        yield
    finally:
        for other in others:
            await other.close()


def faults_of(stack: Stack) -> dict[str, Fault]:
    """All that can happen to a stack, by name."""
    found: list[Fault] = [
        triton_killed,
        stub_killed,
        triton_slow,
        triton_failing,
        storage_full,
        storage_slow,
        storage_failing,
        gateway_killed,
        trainer_killed,
        clock_jumps,
    ]
    found += [database_down, database_crowded] if stack.postgres else [database_locked]
    if stack.disk is not None and not stack.postgres:
        found.append(disk_full)
    return {fault.__name__: fault for fault in found}
