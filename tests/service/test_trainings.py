"""The life of a training, seen through the API."""

import asyncio
import uuid
from collections.abc import Callable
from typing import Any

import grpc
import pytest
from google.longrunning import operations_pb2
from google.protobuf.duration_pb2 import Duration
from google.rpc import code_pb2, error_details_pb2
from PIL import Image

from likeness.v1 import identity_service_pb2 as pb
from tests.service.gateway import (
    Gateway,
    details,
    encode,
    identity_of,
    metadata_of,
    scripted,
)

Start = Callable[..., Gateway]
State = pb.TrainIdentityMetadata


def reason_of(operation: operations_pb2.Operation) -> str:
    info = error_details_pb2.ErrorInfo()
    assert operation.error.details[0].Unpack(info)
    return info.reason


async def test_an_image_becomes_an_identity(gateway: Gateway, photo: bytes) -> None:
    async with gateway.stubs() as stubs:
        name = await stubs.train(photo, "ann", seed=7)
        messages = [message async for message in stubs.watch(name)]
        operation = await stubs.finished(name)
        answer = await stubs.identities.GetIdentity(pb.GetIdentityRequest(name="identities/ann"))
    identity = identity_of(operation)
    assert identity == answer.identity == messages[-1].identity
    assert (identity.name, identity.state) == ("identities/ann", pb.Identity.STATE_READY)
    assert (identity.class_noun, identity.stage_count, identity.token_width) == ("person", 5, 32)
    assert identity.ready_time.ToMicroseconds() >= identity.create_time.ToMicroseconds() > 0
    metadata = metadata_of(operation)
    assert (metadata.state, metadata.step, metadata.attempt) == (State.STATE_SUCCEEDED, 4, 1)
    assert metadata.loss == pytest.approx(0.25)
    steps = [message.metadata.step for message in messages]
    assert steps == sorted(steps)
    assert {1, 2, 3, 4} <= set(steps)
    assert all(message.WhichOneof("result") is None for message in messages[:-1])
    assert not any(f"sources/{identity.uid}" in blob for blob in gateway.blobs())
    assert name.removeprefix("operations/") not in gateway.work_dirs()


async def test_watching_what_is_done_tells_its_end(gateway: Gateway, photo: bytes) -> None:
    async with gateway.stubs() as stubs:
        name = await stubs.train(photo)
        identity = identity_of(await stubs.finished(name))
        assert [message.identity async for message in stubs.watch(name)] == [identity]


async def test_the_same_request_is_done_once(gateway: Gateway, photo: bytes) -> None:
    request_id = str(uuid.uuid4())
    async with gateway.stubs() as stubs:
        names = await asyncio.gather(
            *(stubs.train(photo, "once", request_id=request_id) for _ in range(5))
        )
        assert len(set(names)) == 1
        await stubs.finished(names[0])
        assert await stubs.train(photo, "once", request_id=request_id) == names[0]
        for other in ({"seed": 1}, {"image": encode(Image.new("RGB", (64, 64)))}):
            request: dict[str, Any] = {"image": photo, "identity_id": "once", **other}
            with pytest.raises(grpc.aio.AioRpcError) as caught:
                await stubs.train(**request, request_id=request_id)
            assert caught.value.code() is grpc.StatusCode.ALREADY_EXISTS
            info: Any = details(caught.value)[error_details_pb2.ErrorInfo]
            assert info.reason == "REQUEST_ID_REUSED"


async def test_a_name_is_taken_once(gateway: Gateway, photo: bytes) -> None:
    async with gateway.stubs() as stubs:
        answers = await asyncio.gather(
            *(stubs.train(photo, "only", seed=seed) for seed in range(4)), return_exceptions=True
        )
        errors = [each for each in answers if isinstance(each, grpc.aio.AioRpcError)]
        assert len(errors) == 3
        assert {error.code() for error in errors} == {grpc.StatusCode.ALREADY_EXISTS}
        resource: Any = details(errors[0])[error_details_pb2.ResourceInfo]
        assert resource.resource_name == "identities/only"
        (name,) = (each for each in answers if isinstance(each, str))
        await stubs.finished(name)


async def test_waiting_ends_in_time(start_gateway: Start, photo: bytes) -> None:
    gateway = start_gateway(**scripted("stall"))
    async with gateway.stubs() as stubs:
        name = await stubs.train(photo)
        request = operations_pb2.WaitOperationRequest(
            name=name, timeout=Duration(nanos=200_000_000)
        )
        assert not (await stubs.operations.WaitOperation(request)).done
        request = operations_pb2.WaitOperationRequest(name=name)
        assert not (await stubs.operations.WaitOperation(request, timeout=0.6)).done


async def test_a_cancelled_training_leaves_nothing(start_gateway: Start, photo: bytes) -> None:
    gateway = start_gateway(JOBS__GROUP_SIZE="1", **scripted("stall"))
    async with gateway.stubs() as stubs:
        runs, waits = await stubs.train(photo, "runs"), await stubs.train(photo, "waits")
        await stubs.until_step(runs, 1)
        watching = asyncio.create_task(_all(stubs.watch(waits)))
        for name in (waits, runs):
            await stubs.operations.CancelOperation(operations_pb2.CancelOperationRequest(name=name))
            operation = await stubs.finished(name)
            assert operation.error.code == code_pb2.CANCELLED
            assert metadata_of(operation).state == State.STATE_CANCELLED
            # once more changes nothing
            await stubs.operations.CancelOperation(operations_pb2.CancelOperationRequest(name=name))
        assert (await watching)[-1].error.code == code_pb2.CANCELLED
        identity = await stubs.identities.GetIdentity(pb.GetIdentityRequest(name="identities/runs"))
        assert identity.identity.state == pb.Identity.STATE_FAILED
    assert (gateway.blobs(), gateway.work_dirs()) == ([], [])


async def test_a_deleted_identity_leaves_nothing(start_gateway: Start, photo: bytes) -> None:
    gateway = start_gateway(**scripted("succeed"))
    async with gateway.stubs() as stubs:
        ready = await stubs.train(photo, "ready")
        await stubs.finished(ready)
        gateway.kill()
        gateway.settings.update(scripted("stall"))
        gateway.start()
        runs = await stubs.train(photo, "runs")
        await stubs.until_step(runs, 1)
        watching = asyncio.create_task(_all(stubs.watch(runs)))
        await stubs.until_step(runs, 1)
        for name in ("identities/ready", "identities/runs"):
            await stubs.identities.DeleteIdentity(pb.DeleteIdentityRequest(name=name))
            with pytest.raises(grpc.aio.AioRpcError) as caught:
                await stubs.identities.GetIdentity(pb.GetIdentityRequest(name=name))
            assert caught.value.code() is grpc.StatusCode.NOT_FOUND
        assert (await watching)[-1].error.code == code_pb2.CANCELLED
        for name in (ready, runs):
            with pytest.raises(grpc.aio.AioRpcError) as caught:
                await stubs.operations.GetOperation(operations_pb2.GetOperationRequest(name=name))
            assert caught.value.code() is grpc.StatusCode.NOT_FOUND
        assert (gateway.blobs(), gateway.work_dirs()) == ([], [])
        # the name is free again, and the request too
        again = await stubs.train(photo, "ready")
        await stubs.until_step(again, 1)


async def test_an_operation_is_forgotten_when_it_is_done(
    start_gateway: Start, photo: bytes
) -> None:
    gateway = start_gateway(**scripted("stall", "succeed"))
    async with gateway.stubs() as stubs:
        name = await stubs.train(photo, "ann")
        await stubs.until_step(name, 1)
        request = operations_pb2.DeleteOperationRequest(name=name)
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await stubs.operations.DeleteOperation(request)
        assert caught.value.code() is grpc.StatusCode.FAILED_PRECONDITION
        gateway.kill()
        gateway.start()
        await stubs.finished(name)
        await stubs.operations.DeleteOperation(request)
        listed = await stubs.operations.ListOperations(operations_pb2.ListOperationsRequest())
        assert not listed.operations
        answer = await stubs.identities.GetIdentity(pb.GetIdentityRequest(name="identities/ann"))
        assert answer.identity.state == pb.Identity.STATE_READY


async def test_watching_goes_on_where_it_broke_off(start_gateway: Start, photo: bytes) -> None:
    gateway = start_gateway(**scripted("stall"))
    async with gateway.stubs() as stubs:
        name = await stubs.train(photo)
        async for message in stubs.watch(name):
            if message.metadata.step:
                break
        requests = [
            pb.WatchTrainingRequest(operation=name, after_sequence=sequence)
            for sequence in (message.sequence, message.sequence + 1000)  # one that was never told
        ]
        watches = [stubs.identities.WatchTraining(request) for request in requests]
        for rest in watches:
            await rest.initial_metadata()  # it is there, and has nothing to tell
        await stubs.operations.CancelOperation(operations_pb2.CancelOperationRequest(name=name))
        async with asyncio.timeout(10):
            told = [await _all(rest) for rest in watches]
    for messages in told:
        assert [each.metadata.state for each in messages] == [State.STATE_CANCELLED]
        assert messages[0].sequence > message.sequence


async def test_operations_are_found(start_gateway: Start, photo: bytes) -> None:
    gateway = start_gateway(**scripted("succeed;stall"))
    async with gateway.stubs() as stubs:
        done, runs = await stubs.train(photo, "ann"), await stubs.train(photo, "bob", seed=1)
        await stubs.finished(done)
        await stubs.until_step(runs, 1)
        for text, expected in (
            ("done = true", [done]),
            ("done=false", [runs]),
            ("metadata.state = STATE_RUNNING", [runs]),
            ('metadata.identity = "identities/ann"', [done]),
            ("done = false AND metadata.identity = identities/ann", []),
        ):
            request = operations_pb2.ListOperationsRequest(filter=text)
            found = (await stubs.operations.ListOperations(request)).operations
            assert [each.name for each in found] == expected, text


async def test_lists_come_in_pages_newest_first(gateway: Gateway, photo: bytes) -> None:
    async with gateway.stubs() as stubs:
        made = [await stubs.train(photo, f"page-{index}") for index in range(5)]
        for name in made:
            await stubs.finished(name)
        operations, identities = [], []
        token = ""
        while True:
            answer = await stubs.operations.ListOperations(
                operations_pb2.ListOperationsRequest(page_size=2, page_token=token)
            )
            operations += [operation.name for operation in answer.operations]
            if not (token := answer.next_page_token):
                break
        while True:
            answer = await stubs.identities.ListIdentities(
                pb.ListIdentitiesRequest(page_size=3, page_token=token)
            )
            identities += [identity.name for identity in answer.identities]
            if not (token := answer.next_page_token):
                break
    assert operations[:5] == made[::-1]
    assert identities[:5] == [f"identities/page-{index}" for index in range(4, -1, -1)]
    assert len(set(operations)) == len(operations)


async def _all(messages: Any) -> list[pb.WatchTrainingResponse]:
    return [message async for message in messages]
