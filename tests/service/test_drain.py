"""`likeness-admin drain`: what runs ends, what waits waits on, whoever leads."""

import asyncio
import os
from collections.abc import Callable

import pytest
from google.longrunning import operations_pb2
from typer.testing import CliRunner

from likeness.v1 import identity_service_pb2 as pb
from service.admin.cli import app
from service.admin.drain import drain
from service.store import Database, JobStore, LeadershipStore, OperationStore
from tests.service.gateway import Gateway, identity_of, metadata_of, scripted
from tests.service.test_doctor import look
from tests.service.test_store import new


async def test_what_is_drained_is_not_claimed(database: Database, term: int) -> None:
    leadership, jobs = LeadershipStore(database), JobStore(database)
    operations = OperationStore(database)
    assert await operations.create(new("first")) is not None
    assert await jobs.claim(term) is not None
    await leadership.drain()
    assert await operations.create(new("second")) is not None
    assert await jobs.claim(term) is None
    later = await leadership.take(await leadership.reign(), "another gateway")
    assert later is not None
    assert await jobs.release_all(later) == 1  # the leader before was gone
    assert await jobs.claim(later) is None
    assert (await jobs.queue()).drained
    await leadership.end_drain()
    assert await jobs.claim(later) is not None
    assert not (await jobs.queue()).drained


async def test_the_wait_ends_with_the_drain(database: Database, term: int) -> None:
    await OperationStore(database).create(new("first"))
    assert await JobStore(database).claim(term) is not None
    told: asyncio.Queue[str] = asyncio.Queue()
    waiting = asyncio.create_task(drain(database, told.put_nowait))
    assert await told.get() == "trainings that still run: 1"
    await LeadershipStore(database).end_drain()
    assert not await waiting


@pytest.mark.parametrize("url", ["postgresql"], indirect=True)
async def test_a_drained_gateway_finishes_what_runs_and_keeps_what_waits(
    start_gateway: Callable[..., Gateway],
    url: str,
    database: Database,
    photo: bytes,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    gateway = start_gateway(DATABASE__URL=url, **scripted("wait;succeed"))
    async with gateway.stubs() as stubs:
        runs = await stubs.train(photo, "ann", seed=0)
        await stubs.until_step(runs, 1)
        told: asyncio.Queue[str] = asyncio.Queue()
        draining = asyncio.create_task(drain(database, told.put_nowait))
        assert await told.get() == "trainings that still run: 1"
        waits = await stubs.train(photo, "bea", seed=1)  # there is a place for it
        (work,) = gateway.work_dirs()
        os.close(os.open(gateway.home / "jobs" / work / "checkpoints" / "go", os.O_WRONLY))
        assert await draining
        assert await told.get() == "no training runs, 1 wait"
        assert identity_of(await stubs.finished(runs)).state == pb.Identity.STATE_READY
        async with asyncio.timeout(10):
            while "likeness_training_drained 1.0" not in gateway.metrics():  # noqa: ASYNC110
                await asyncio.sleep(0.1)
    gateway.kill()
    gateway.start()
    monkeypatch.setenv("LIKENESS_DATABASE__URL", url)
    line = await look("trainings")
    assert (line.verdict, "0 run, 1 wait, and none is started" in line.text) == ("warn", True)
    async with gateway.stubs() as stubs:
        question = operations_pb2.GetOperationRequest(name=waits)
        asked = metadata_of(await stubs.operations.GetOperation(question))
        assert asked.state == pb.TrainIdentityMetadata.STATE_QUEUED
        for arguments, answer in (
            (["drain"], "no training runs, 1 wait\n"),
            (["drain", "--end"], "trainings start again\n"),
        ):
            result = await asyncio.to_thread(CliRunner().invoke, app, arguments)
            assert (result.exit_code, result.output) == (0, answer)
        assert identity_of(await stubs.finished(waits)).state == pb.Identity.STATE_READY
