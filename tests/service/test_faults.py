"""Trainers that fail and processes that are killed: nothing acknowledged is lost."""

import os
import select
from collections.abc import Callable

import grpc
import pytest
from google.rpc import code_pb2

from likeness.v1 import identity_service_pb2 as pb
from service.errors import UnavailableError
from service.triton_errors import translated
from tests.service.gateway import Gateway, identity_of, metadata_of, scripted
from tests.service.test_trainings import reason_of

Start = Callable[..., Gateway]


@pytest.mark.parametrize(
    "words",
    [
        "Internal error from Core",
        "Received RST_STREAM with error code 2",
        "Stream removed (RST_STREAM (Received RST_STREAM with error code 2))",
    ],
)
def test_a_stream_that_is_cut_off_is_an_outage_and_no_fault_of_the_models(words: str) -> None:
    assert isinstance(translated(grpc.StatusCode.INTERNAL, words), UnavailableError)


async def test_a_crash_is_tried_again(start_gateway: Start, photo: bytes) -> None:
    gateway = start_gateway(**scripted("crash", "silent", "chatter"))
    async with gateway.stubs() as stubs:
        operation = await stubs.finished(await stubs.train(photo))
    assert identity_of(operation).state == pb.Identity.STATE_READY
    assert metadata_of(operation).attempt == 3


async def test_after_three_failed_attempts_the_reason_is_told(
    start_gateway: Start, photo: bytes
) -> None:
    gateway = start_gateway(**scripted("damaged", "crash", "crash", "succeed"))
    async with gateway.stubs() as stubs:
        operation = await stubs.finished(await stubs.train(photo, "ann"))
        assert operation.error.code == code_pb2.INTERNAL
        assert reason_of(operation) == "TRAINING_FAILED"
        assert operation.error.message == (
            "3 attempts failed; the last one: the trainer ended with exit code 9"
        )
        answer = await stubs.identities.GetIdentity(pb.GetIdentityRequest(name="identities/ann"))
    assert answer.identity.state == pb.Identity.STATE_FAILED
    assert answer.identity.error == operation.error
    assert (gateway.blobs(), gateway.work_dirs()) == ([], [])


async def test_input_that_the_trainer_refuses_fails_at_once(
    start_gateway: Start, photo: bytes
) -> None:
    gateway = start_gateway(**scripted("refuse", "succeed"))
    async with gateway.stubs() as stubs:
        operation = await stubs.finished(await stubs.train(photo))
    assert operation.error.code == code_pb2.INVALID_ARGUMENT
    assert operation.error.message == "image: shows nothing to learn"
    assert reason_of(operation) == "INVALID_IMAGE"
    assert metadata_of(operation).attempt == 1
    assert (gateway.blobs(), gateway.work_dirs()) == ([], [])


async def test_no_trainer_survives_a_killed_gateway(start_gateway: Start, photo: bytes) -> None:
    gateway = start_gateway(JOBS__MAX_FAILURES="1", **scripted("stall", "succeed"))
    async with gateway.stubs() as stubs:
        name = await stubs.train(photo)
        await stubs.until_step(name, 1)
        (trainer,) = gateway.trainers()
        ended = os.pidfd_open(trainer)
        gateway.kill()
        assert _wait(ended), "the trainer outlived its gateway"
        gateway.start()
        # The trainer is not to blame, although it may not fail once.
        operation = await stubs.finished(name)
    assert metadata_of(operation).attempt == 2
    assert identity_of(operation).state == pb.Identity.STATE_READY


async def test_a_crash_between_two_steps_of_tidying_is_mended(
    start_gateway: Start, photo: bytes
) -> None:
    gateway = start_gateway(**scripted("succeed"))
    async with gateway.stubs() as stubs:
        identity = identity_of(await stubs.finished(await stubs.train(photo, "ann")))
        gateway.kill()
        published = gateway.blobs()
        blobs = gateway.home / "blobs"
        for left in (
            f"sources/{identity.uid}",
            "sources/nobody",
            "sources/cut-off#1",
            f"artifacts/{identity.uid}/9",
        ):
            (blobs / left).parent.mkdir(exist_ok=True)
            (blobs / left).write_bytes(photo)
            os.utime(blobs / left, (0, 0))
        (gateway.home / "jobs" / "nobody").mkdir()
        gateway.start()
        assert gateway.blobs() == published
        assert gateway.work_dirs() == []
        # All source images at once, and the artifacts of the two that nobody needs.
        assert 'likeness_blob_seconds_count{operation="list",outcome="ok"} 3.0' in gateway.metrics()
        answer = await stubs.identities.GetIdentity(pb.GetIdentityRequest(name="identities/ann"))
        assert answer.identity == identity


def _wait(pidfd: int) -> bool:
    """Whether the process ends within some seconds."""
    readable, _, _ = select.select([pidfd], [], [], 10)
    os.close(pidfd)
    return bool(readable)
