"""Limits of calls: a deadline for those that bring none, and as many at a time as may."""

import asyncio
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import grpc
import jwt
import psutil
import pytest
from google.longrunning import operations_pb2
from google.rpc import error_details_pb2

from likeness.v1 import generation_service_pb2 as generation_pb
from likeness.v1 import identity_service_pb2 as pb
from service.deadlines import DeadlineInterceptor
from tests.service.gateway import Gateway, details, scripted

Start = Callable[..., Gateway]


async def test_a_call_without_a_deadline_ends(start_gateway: Start, photo: bytes) -> None:
    """The image's decoding alone takes longer than the deadline that is set here."""
    gateway = start_gateway(CALLS__DEFAULT_SECONDS="0.001", **scripted("succeed"))
    async with gateway.stubs() as stubs:
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await stubs.train(photo)
        assert caught.value.code() is grpc.StatusCode.DEADLINE_EXCEEDED
        info: Any = details(caught.value)[error_details_pb2.ErrorInfo]
        assert info.reason == "DEADLINE_EXCEEDED"
        # One that brings a deadline has it to itself.
        request = pb.TrainIdentityRequest(image=photo)
        assert (await stubs.identities.TrainIdentity(request, timeout=30)).name


async def test_a_drawing_ends_although_its_picture_is_not_decoded(
    start_gateway: Start, light_bundle: Path, photo: bytes
) -> None:
    gateway = start_gateway(BUNDLE=str(light_bundle), GENERATION__TIMEOUT_SECONDS="1.5")
    spec = generation_pb.GenerationSpec(
        prompt="a person", init_image=generation_pb.InitImage(data=photo)
    )
    async with gateway.stubs() as stubs:
        with pytest.raises(grpc.aio.AioRpcError):  # there is no Triton
            await stubs.generation.Generate(generation_pb.GenerateRequest(spec=spec))
        assert gateway.process is not None
        (decoder,) = psutil.Process(gateway.process.pid).children()
        decoder.suspend()
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await stubs.generation.Generate(generation_pb.GenerateRequest(spec=spec))
    assert caught.value.code() is grpc.StatusCode.DEADLINE_EXCEEDED
    assert "preparation" in str(caught.value.details())


async def test_a_call_ends_although_nobody_can_say_who_calls(
    start_gateway: Start, tmp_path: Path
) -> None:
    keys = tmp_path / "keys"
    keys.touch()
    gateway = start_gateway(
        CALLS__DEFAULT_SECONDS="0.5",
        AUTH__JWT__JWKS=str(keys),
        AUTH__JWT__AUDIENCE="likeness",
        AUTH__JWT__ISSUER="issuer",
    )
    keys.unlink()
    os.mkfifo(keys)  # is read as long as nobody writes
    token = jwt.encode({}, "a secret of thirty-two bytes or more", headers={"kid": "a"})
    async with gateway.stubs() as stubs, asyncio.timeout(20):
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await stubs.identities.ListIdentities(
                pb.ListIdentitiesRequest(), metadata=[("authorization", f"Bearer {token}")]
            )
    assert caught.value.code() is grpc.StatusCode.DEADLINE_EXCEEDED


async def test_more_calls_than_may_are_refused(start_gateway: Start, photo: bytes) -> None:
    gateway = start_gateway(CALLS__CONCURRENT="2", **scripted("stall"))
    async with gateway.stubs() as stubs:
        name = await stubs.train(photo)
        watching = [aiter(stubs.watch(name)) for _ in range(2)]
        await asyncio.gather(*map(anext, watching))
        request = operations_pb2.GetOperationRequest(name=name)
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await stubs.operations.GetOperation(request, timeout=10)
        assert caught.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED


async def test_a_handlers_own_timeout_stays_its_own() -> None:
    async def handle(_request: object, _context: object) -> None:
        raise TimeoutError("its own")

    class Context:
        def time_remaining(self) -> None:
            return None

    async def found(_details: object) -> Any:
        return grpc.unary_unary_rpc_method_handler(handle)

    call: Any = type("Call", (), {"method": "/likeness.v1.IdentityService/GetIdentity"})
    handler = await DeadlineInterceptor(60).intercept_service(found, call)
    with pytest.raises(TimeoutError, match="its own"):
        await handler.unary_unary(None, Context())
