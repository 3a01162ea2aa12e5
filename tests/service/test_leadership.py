"""Several gateways on one database: one dispatches, and another takes over when it is gone."""

import asyncio
import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from google.longrunning import operations_pb2

from likeness.v1 import identity_service_pb2 as pb
from service.store import Database, JobStore, LeadershipStore, NotLeaderError, OperationStore
from tests.service.gateway import Gateway, identity_of, metadata_of, scripted
from tests.service.test_store import new
from tests.service.test_trainings import reason_of
from tests.support.lossy_proxy import LossyProxy
from tests.support.postgres import PostgresServer

Start = Callable[..., Gateway]

BUSY = 2.0
"""What is done in so many seconds may take as much again on a busy machine."""


async def test_of_all_who_see_a_dead_leader_one_takes_over(database: Database) -> None:
    store = LeadershipStore(database)
    seen = await store.reign()
    terms = await asyncio.gather(*(store.take(seen, f"gateway-{index}") for index in range(6)))
    (term,) = (each for each in terms if each is not None)
    reign = await store.reign()
    assert (reign.holder, reign.term) == (f"gateway-{terms.index(term)}", term)


async def test_a_sign_of_life_foils_a_takeover(database: Database) -> None:
    store = LeadershipStore(database)
    term = await store.take(await store.reign(), "ann")
    assert term is not None
    seen = await store.reign()
    assert await store.beat(term)
    assert await store.take(seen, "bea") is None


async def test_an_overtaken_leader_does_nothing(database: Database) -> None:
    store, jobs, operations = (
        LeadershipStore(database),
        JobStore(database),
        OperationStore(database),
    )
    old = await store.take(await store.reign(), "ann")
    await operations.create(new("one"))
    await operations.create(new("two"))
    assert old is not None
    assert await jobs.claim(old) is not None
    term = await store.take(await store.reign(), "bea")
    assert term is not None
    assert not await store.beat(old)
    await store.resign(old)
    assert (await store.reign()).holder == "bea"
    with pytest.raises(NotLeaderError):
        await jobs.claim(old)
    with pytest.raises(NotLeaderError):
        await jobs.release_all(old)
    assert await jobs.release_all(term) == 1


async def logged(gateway: Gateway, event: str, seconds: float, **fields: Any) -> dict[str, Any]:
    """The first line of an event, not later than in some seconds."""
    async with asyncio.timeout(seconds):
        while True:
            for line in gateway.events(event):
                if fields.items() <= line.items():
                    return line
            await asyncio.sleep(0.1)


async def test_every_gateway_takes_over_from_every_other(
    start_gateway: Start, postgres: PostgresServer, photo: bytes, tmp_path: Path
) -> None:
    shared = {"DATABASE__URL": postgres.database(), "BLOBS__URL": f"file://{tmp_path}/blobs"}
    first = start_gateway(**shared, **scripted("stall"))
    await logged(first, "dispatching", 10, term=1)
    second = start_gateway(**shared, **scripted("succeed"))
    async with second.stubs() as stubs:
        # Any gateway accepts, watches and cancels; only the leader works.
        unwanted = await stubs.train(photo, "bea")
        await stubs.until_step(unwanted, 1)
        await stubs.operations.CancelOperation(operations_pb2.CancelOperationRequest(name=unwanted))
        await logged(first, "attempt_ended", 2 * BUSY, operation=uid_of(unwanted))
        wanted = await stubs.train(photo, "ann")
        await stubs.until_step(wanted, 1)
        assert second.events("attempt_started") == []
        first.kill()
        await logged(second, "dispatching", 10, term=2, released_jobs=1)
        operation = await stubs.finished(wanted)
    assert metadata_of(operation).attempt == 2
    assert identity_of(operation).state == pb.Identity.STATE_READY

    # A leader that stands still is as good as dead; when it wakes it finds that it was overtaken.
    first.start()
    assert second.process is not None
    second.process.send_signal(signal.SIGSTOP)
    await logged(first, "dispatching", 10, term=3)
    second.process.send_signal(signal.SIGCONT)
    await logged(second, "overtaken", 5 * BUSY, term=2)

    # One that ends in order leaves its place at once.
    assert first.stop() == 0
    await logged(second, "dispatching", 2 * BUSY, term=4)
    assert [len(each.events("dispatching")) for each in (first, second)] == [2, 2]


async def test_a_training_ends_while_its_database_is_down(
    start_gateway: Start, postgres: PostgresServer, photo: bytes
) -> None:
    gateway = start_gateway(DATABASE__URL=postgres.database(), **scripted("wait", "crash"))
    async with gateway.stubs() as stubs:
        name = await stubs.train(photo, "ann")
        await stubs.until_step(name, 1)
        (work,) = gateway.work_dirs()
        with postgres.outage():  # every connection is cut
            os.close(os.open(gateway.home / "jobs" / work / "checkpoints" / "go", os.O_WRONLY))
            await logged(gateway, "database_failed", 10)
        operation = await stubs.finished(name)
    assert metadata_of(operation).attempt == 1
    assert identity_of(operation).state == pb.Identity.STATE_READY


async def test_a_gateway_ends_while_its_database_is_down_and_goes_on_later(
    start_gateway: Start, postgres: PostgresServer, photo: bytes
) -> None:
    gateway = start_gateway(DATABASE__URL=postgres.database(), **scripted("stall", "succeed"))
    async with gateway.stubs() as stubs:
        name = await stubs.train(photo, "ann")
        await stubs.until_step(name, 1)
    with postgres.outage():
        assert gateway.stop() == 0
    gateway.start()
    async with gateway.stubs() as stubs:
        operation = await stubs.finished(name)
    assert metadata_of(operation).attempt == 2
    assert identity_of(operation).state == pb.Identity.STATE_READY


async def test_a_commit_whose_answer_is_lost_is_no_less_done(
    start_gateway: Start, postgres: PostgresServer, photo: bytes
) -> None:
    claim, publication, failure = b"start_time=coalesce", b"ready_time=", b"failure_code="
    with LossyProxy(postgres.database(), claim, publication, failure) as proxy:
        gateway = start_gateway(DATABASE__URL=proxy.url, **scripted("succeed;refuse"))
        async with gateway.stubs() as stubs:
            ready = await stubs.finished(await stubs.train(photo, "ann"))
            refused = await stubs.finished(await stubs.train(photo, "ben", seed=1))
            for name in (ready.name, refused.name):
                await logged(gateway, "attempt_ended", 10, operation=uid_of(name))
        gateway.stop()
    assert proxy.cuts == 3
    assert (metadata_of(ready).attempt, metadata_of(refused).attempt) == (2, 1)
    assert reason_of(refused) == "INVALID_IMAGE"
    # What is ready is kept, and nothing else is left.
    assert gateway.blobs() == [f"artifacts/{identity_of(ready).uid}/2"]


def uid_of(operation: str) -> str:
    return operation.removeprefix("operations/")
