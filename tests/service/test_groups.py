"""Trainings that share a worker: what befalls one, and how many there may be."""

import asyncio
import time
from collections.abc import Callable
from typing import Any

import grpc
from google.longrunning import operations_pb2
from google.protobuf.duration_pb2 import Duration
from google.rpc import code_pb2, error_details_pb2

from tests.service.gateway import Gateway, Stubs, details, identity_of, metadata_of, scripted
from tests.service.scripted_trainer import PREVIEW
from tests.service.test_trainings import State, reason_of

Start = Callable[..., Gateway]

PATIENT = 8


async def cancel(stubs: Stubs, name: str) -> float:
    """Seconds until nothing of the training runs any more."""
    began = time.monotonic()
    await stubs.operations.CancelOperation(operations_pb2.CancelOperationRequest(name=name))
    return time.monotonic() - began


async def test_each_job_of_a_group_has_a_fate_of_its_own(
    start_gateway: Start, photo: bytes
) -> None:
    gateway = start_gateway(JOBS__GROUP_SIZE="2", **scripted("stall;refuse;succeed"))
    async with gateway.stubs() as stubs:
        stalled = await stubs.train(photo, "stalled", seed=0)
        await stubs.until_step(stalled, 1)
        (worker,) = gateway.trainers()
        in_the_way = await stubs.train(photo, "in-the-way", seed=0)
        await stubs.until_step(in_the_way, 1)
        learned = await stubs.train(photo, "learned", seed=2, preview_count=1)
        watching = stubs.watch(learned)
        assert (await anext(watching)).metadata.state == State.STATE_QUEUED
        assert await cancel(stubs, in_the_way) < 2
        messages = [message async for message in watching]
        assert [each.metadata.preview for each in messages if each.metadata.preview] == [PREVIEW]
        refused = await stubs.train(photo, "refused", seed=1)
        assert reason_of(await stubs.finished(refused)) == "INVALID_IMAGE"
        assert identity_of(await stubs.finished(learned))
        assert await cancel(stubs, stalled) < 2
        await stubs.finished(await stubs.train(photo, "later", seed=2))
        assert gateway.trainers() == [worker]  # warm all the time
        assert gateway.work_dirs() == []
    gateway.stop()
    assert gateway.trainers() == []


async def test_a_worker_that_does_not_listen_is_killed_and_its_other_jobs_go_on(
    start_gateway: Start, photo: bytes
) -> None:
    gateway = start_gateway(JOBS__MAX_FAILURES="1", **scripted("stall,succeed;deaf"))
    async with gateway.stubs() as stubs:
        other = await stubs.train(photo, "other", seed=0)
        await stubs.until_step(other, 1)
        deaf = await stubs.train(photo, "deaf", seed=1)
        await stubs.until_step(deaf, 1)
        assert await cancel(stubs, deaf) < 2.5
        # The neighbour is not to blame, although it may not fail once.
        operation = await stubs.finished(other)
        assert identity_of(operation)
        assert metadata_of(operation).attempt == 2
        assert gateway.work_dirs() == []


async def test_the_queue_tells_its_places_and_is_bounded_in_number_and_time(
    start_gateway: Start, photo: bytes
) -> None:
    gateway = start_gateway(
        JOBS__GROUP_SIZE="1", JOBS__TENANT_QUEUE="2", **scripted("stall;succeed")
    )
    async with gateway.stubs() as stubs:
        await stubs.finished(await stubs.train(photo, "quick", seed=1))
        runs = await stubs.train(photo, "runs", timeout=Duration(seconds=9))
        await stubs.until_step(runs, 1)
        late_one = await stubs.train(photo, "late", timeout=Duration(seconds=5))
        # Of those who ask for the last place at the same time, one gets it.
        asked = (stubs.train(photo, f"patient-{i}", seed=1) for i in range(PATIENT))
        answers = await asyncio.gather(*asked, return_exceptions=True)
        refusals = [each for each in answers if isinstance(each, grpc.aio.AioRpcError)]
        waits = [late_one, *(each for each in answers if isinstance(each, str))]
        assert (len(waits), len(refusals)) == (2, PATIENT - 1)
        assert len([blob for blob in gateway.blobs() if blob.startswith("sources/")]) == 3
        first, second = [
            metadata_of(
                await stubs.operations.GetOperation(operations_pb2.GetOperationRequest(name=name))
            )
            for name in waits
        ]
        assert (first.queue_position, second.queue_position) == (1, 2)
        assert first.state == State.STATE_QUEUED
        created = second.create_time.ToMicroseconds()
        assert second.estimated_start_time.ToMicroseconds() > created
        for refusal in refusals:
            assert refusal.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
            found: Any = details(refusal)
            assert found[error_details_pb2.ErrorInfo].reason == "TRAINING_QUEUE_FULL"
            assert found[error_details_pb2.RetryInfo].retry_delay.seconds > 0
        late, ran, patient = await asyncio.gather(
            *(stubs.finished(name) for name in (waits[0], runs, waits[1]))
        )
        for operation, attempts in ((late, 0), (ran, 1)):
            assert operation.error.code == code_pb2.DEADLINE_EXCEEDED
            assert reason_of(operation) == "TRAINING_TIMEOUT"
            assert metadata_of(operation).attempt == attempts
        assert identity_of(patient)
        assert gateway.work_dirs() == []


async def test_a_job_that_brings_its_worker_down_takes_no_other_with_it(
    start_gateway: Start, photo: bytes
) -> None:
    gateway = start_gateway(JOBS__MAX_FAILURES="2", **scripted("stall,succeed;crash"))
    async with gateway.stubs() as stubs:
        other = await stubs.train(photo, "other", seed=0)
        await stubs.until_step(other, 1)
        crashing = await stubs.finished(await stubs.train(photo, "crashing", seed=1))
        assert crashing.error.message.startswith("2 attempts failed")
        operation = await stubs.finished(other)
        assert identity_of(operation)
        assert metadata_of(operation).attempt == 2
