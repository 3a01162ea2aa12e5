"""Following a training, also past the service's death."""

import grpc
import pytest

from client import LikenessClient, LikenessError
from tests.client.stand_in import OPERATION, StandIn, serving
from tests.support.ports import free_ports


async def test_train_yields_progress_then_the_identity() -> None:
    service = StandIn()
    service.goes_on.set()
    async with serving(service) as address, LikenessClient(address) as client:
        updates = [update async for update in client.train(b"image", "ann", seed=3)]
    assert [update.metadata.step for update in updates] == [0, 1, 5, 10]
    assert {update.operation for update in updates} == {OPERATION}
    assert [update.identity is not None for update in updates] == [False, False, False, True]
    request = service.requests[0]
    assert (request.identity_id, request.image, request.seed) == ("ann", b"image", 3)
    assert request.request_id


async def test_nobody_notices_that_the_service_was_away() -> None:
    (port,) = free_ports(1)
    held, restarted = StandIn(), StandIn()
    async with LikenessClient(f"127.0.0.1:{port}") as client:
        updates = client.watch(OPERATION)
        async with serving(held, port):
            assert (await anext(updates)).metadata.step == 1
        async with serving(restarted, port):
            assert [update.metadata.step async for update in updates] == [5, 10]
    assert [request.after_sequence for request in restarted.requests] == [1]


async def test_watch_gives_up_when_the_service_stays_away() -> None:
    async with serving(StandIn()) as address:
        client = LikenessClient(address, patience=0.2)
        updates = client.watch(OPERATION)
        await anext(updates)
    with pytest.raises(LikenessError, match=f"the service at {address} can't be reached") as caught:
        await anext(updates)
    assert caught.value.code is grpc.StatusCode.UNAVAILABLE
    await client.close()


async def test_watch_gives_up_when_the_service_is_there_and_does_not_answer() -> None:
    service = StandIn(away=True)
    service.goes_on.set()
    async with serving(service) as address, LikenessClient(address, patience=0.2) as client:
        updates = client.watch(OPERATION)
        assert (await anext(updates)).metadata.step == 1
        with pytest.raises(LikenessError, match="can't be reached"):
            await anext(updates)
    assert {request.after_sequence for request in service.requests} == {0, 1}


async def test_whoever_stops_listening_cancels_the_drawing() -> None:
    service = StandIn()
    async with serving(service) as address, LikenessClient(address) as client:
        drawing = client.stream_generate("a photo of <ann>")
        await anext(drawing)
        await drawing.aclose()
        await service.cancelled.wait()
