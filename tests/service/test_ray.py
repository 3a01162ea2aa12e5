"""Trainings on a real Ray cluster, whose parts are killed while they run."""

import asyncio
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest
from google.longrunning import operations_pb2

from likeness.v1 import identity_service_pb2 as pb
from tests.service.gateway import Gateway, identity_of, metadata_of, real_trainer, scripted
from tests.support.ray_cluster import LOOPBACK, RayCluster


@pytest.fixture(scope="module")
def cluster() -> Iterator[RayCluster]:
    with pytest.MonkeyPatch.context() as environment:
        for name, value in LOOPBACK.items():
            environment.setenv(name, value)  # for the gateways
        cluster = RayCluster()
        yield cluster
        cluster.close()


def trainers(gateway: Gateway) -> list[psutil.Process]:
    """The cluster's trainers of a gateway."""
    mark = gateway.settings["BASE_MODEL"]
    return [
        each for each in psutil.process_iter(["cmdline"]) if mark in (each.info["cmdline"] or [])
    ]


async def checkpointed(gateway: Gateway, operation: str, attempt: int) -> None:
    """Waits until an attempt has left its checkpoint in the blob store."""
    blob = gateway.home / "blobs" / "checkpoints" / operation.removeprefix("operations/")
    async with asyncio.timeout(120):
        while not blob.exists() or blob.stat().st_size < attempt:  # noqa: ASYNC110 (a file)
            await asyncio.sleep(0.1)


async def test_a_training_outlives_its_worker_its_node_and_its_gateway(
    start_gateway: Callable[..., Gateway], cluster: RayCluster, photo: bytes, tmp_path: Path
) -> None:
    """The scripted trainer counts its attempts in its checkpoint: it stalls forever on a node to
    which the checkpoint does not come.
    """
    gateway = start_gateway(
        JOBS__BACKEND="ray",
        JOBS__RAY__ADDRESS=cluster.address,
        BASE_MODEL=str(tmp_path / "base-model"),
        **scripted("stall", "stall", "stall", "succeed"),
    )
    async with gateway.stubs() as stubs:
        operation = await stubs.train(photo, "ann")
        await checkpointed(gateway, operation, 1)
        await stubs.until_step(operation, 1)  # progress streams
        (trainer,) = trainers(gateway)
        trainer.parent().kill()  # the actor
        await checkpointed(gateway, operation, 2)
        cluster.replace_node()
        await checkpointed(gateway, operation, 3)
        gateway.kill()
    gateway.settings |= scripted("deaf", "deaf", "deaf", "succeed")
    gateway.start()
    async with gateway.stubs() as stubs:
        done = await stubs.finished(operation)
        assert metadata_of(done).attempt == 4
        identity = identity_of(done)
        assert identity.state == pb.Identity.STATE_READY
        assert gateway.blobs() == [f"artifacts/{identity.uid}/4"]

        # One that does not even listen is cancelled in time, and leaves nothing.
        unwanted = await stubs.train(photo, "bea")
        await checkpointed(gateway, unwanted, 1)
        (trainer,) = trainers(gateway)
        await stubs.operations.CancelOperation(
            operations_pb2.CancelOperationRequest(name=unwanted), timeout=4
        )
        trainer.wait(2)
        assert gateway.blobs() == [f"artifacts/{identity.uid}/4"]
    assert gateway.stop() == 0
    assert trainers(gateway) == []


async def test_a_real_training_goes_on_from_its_checkpoint(
    start_gateway: Callable[..., Gateway], cluster: RayCluster, checkpoint: Path, photo: bytes
) -> None:
    gateway = start_gateway(
        JOBS__BACKEND="ray", JOBS__RAY__ADDRESS=cluster.address, **real_trainer(checkpoint)
    )
    async with gateway.stubs() as stubs:
        operation = await stubs.train(photo, "ann", seed=3)
        await checkpointed(gateway, operation, 1)
        (trainer,) = trainers(gateway)
        trainer.parent().kill()
        killed = await stubs.finished(operation)
        whole = await stubs.finished(await stubs.train(photo, "bea", seed=3))
        assert metadata_of(killed).attempt == 2
        assert identity_of(killed).artifact_digest == identity_of(whole).artifact_digest
