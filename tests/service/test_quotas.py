"""Quotas: what gateways that share a database let through together."""

import asyncio
import json
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import grpc
import pytest
from google.longrunning import operations_pb2
from google.rpc import error_details_pb2

from likeness.v1 import generation_service_pb2 as generation_pb
from likeness.v1 import identity_service_pb2 as pb
from service.caller import DEFAULT_TENANT
from service.errors import QuotaExceededError, ResourceExhaustedError
from service.quotas import Quotas
from service.store import SECOND, Database, Limits, OperationStore, QuotaStore, Training, now
from tests.service.gateway import Gateway, details, scripted, violations
from tests.service.test_store import new


def gateways(database: Database, count: int, **limits: Any) -> list[Quotas]:
    """That share a database, and their tenants' limits."""
    return [Quotas(QuotaStore(database, Limits(**limits))) for _ in range(count)]


async def admitted(quotas: Quotas, tenant: str) -> bool:
    try:
        await quotas.admit(tenant)
    except QuotaExceededError:
        return False
    return True


async def test_gateways_share_a_tenants_rate(database: Database) -> None:
    """As much as a second's worth at once and what flows in meanwhile; another has his own."""
    rate, shared = 40.0, gateways(database, 2, requests_per_second=40.0)
    started = time.monotonic()
    calls = await asyncio.gather(*(admitted(shared[i % 2], "red") for i in range(200)))
    passed = time.monotonic() - started
    # A gateway may keep up to a portion (4 calls) that it took and did not spend.
    assert rate - 8 <= sum(calls) <= rate * (1 + passed) + 1
    assert await admitted(shared[0], "blue")


async def test_a_refusal_says_when_to_try_again(database: Database) -> None:
    (quotas,) = gateways(database, 1, requests_per_second=5.0)
    while await admitted(quotas, "red"):
        pass
    with pytest.raises(QuotaExceededError) as caught:
        await quotas.admit("red")
    status = caught.value.to_status()
    retry, failure = error_details_pb2.RetryInfo(), error_details_pb2.QuotaFailure()
    assert status.details[0].Unpack(failure)
    assert status.details[1].Unpack(retry)
    assert failure.violations[0].subject == "tenants/red"
    assert "requests_per_second" in failure.violations[0].description
    seconds = retry.retry_delay.ToMicroseconds() / 1e6
    assert 0 < seconds <= 0.2
    await asyncio.sleep(seconds + 0.01)  # what the answer says is true
    assert await admitted(quotas, "red")


async def test_a_clock_that_is_set_back_keeps_nobody_waiting(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    store, time = QuotaStore(database, Limits()), now()

    async def take(second: int, most: int) -> float:
        monkeypatch.setattr("service.store.quotas.now", lambda: time + second * SECOND)
        return await store.take("red", 10.0, most)

    assert await take(3600, 9) == 9
    assert await take(0, 9) == 1
    assert await take(1, 10) == 10
    # Another gateway's clock, which is slow by as much as it may, fills no bucket twice.
    assert await take(-3, 1) == 0
    assert await take(1, 1) == 0


async def test_gateways_share_a_tenants_places_for_drawings(database: Database) -> None:
    shared = gateways(database, 2, generations=3)
    drawing, go_on, refused = 0, asyncio.Event(), 0

    async def draw(quotas: Quotas) -> None:
        nonlocal drawing, refused
        try:
            async with quotas.generation("red", 60):
                drawing += 1
                await go_on.wait()
        except QuotaExceededError:
            refused += 1
            if refused == 5:
                go_on.set()

    async with asyncio.timeout(30):
        await asyncio.gather(*(draw(shared[i % 2]) for i in range(8)))
    assert (drawing, refused) == (3, 5)
    await draw(shared[0])  # places are free again
    assert drawing == 4


async def test_gateways_share_the_bound_of_a_tenants_queue(database: Database) -> None:
    shared = [OperationStore(database, tenant_queue=3) for _ in range(2)]
    asked = (shared[i % 2].create(new(f"identity-{i}")) for i in range(8))
    answers = await asyncio.gather(*asked, return_exceptions=True)
    assert sum(isinstance(each, Training) for each in answers) == 3
    assert sum(isinstance(each, ResourceExhaustedError) for each in answers) == 5
    assert await QuotaStore(database, Limits()).own_limits() == {}


async def test_a_gateway_that_died_holds_its_places_until_their_deadline(
    database: Database,
) -> None:
    store = QuotaStore(database, Limits())
    soon = now() + 60_000_000
    assert await store.begin_generation("red", "lost", 1, soon)
    assert not await store.begin_generation("red", "next", 1, soon)
    assert await store.begin_generation("blue", "late", 1, now() - 1)
    assert await store.begin_generation("blue", "other", 1, soon)


async def test_a_tenants_own_limits_come_before_the_defaults(database: Database) -> None:
    store = QuotaStore(database, Limits(generations=1, identities=5))
    await store.set_limits("red", Limits(generations=7))
    assert await store.limits("red") == Limits(generations=7, identities=5)
    assert await store.limits("blue") == Limits(generations=1, identities=5)


async def test_what_a_tenant_may_use_is_told(
    start_gateway: Callable[..., Gateway], photo: bytes, light_bundle: Path
) -> None:
    quotas = {"QUOTAS__IDENTITIES": "2", "QUOTAS__IMAGE_BYTES": str(len(photo) * 3 // 2)}
    quotas |= {"QUOTAS__GENERATIONS": "0", "BUNDLE": str(light_bundle)}
    quotas |= {"GENERATION__PRIORITY_CEILINGS": json.dumps({DEFAULT_TENANT: "low"})}
    gateway = start_gateway(**quotas, **scripted("stall"))

    async def refused(call: Awaitable[Any]) -> Any:
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await call
        assert caught.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
        return details(caught.value)

    async with gateway.stubs() as stubs:
        first = await stubs.train(photo, "ann")
        told = await refused(stubs.train(photo, "ben"))
        assert "image_bytes" in told[error_details_pb2.QuotaFailure].violations[0].description
        assert error_details_pb2.RetryInfo in told
        await stubs.operations.CancelOperation(operations_pb2.CancelOperationRequest(name=first))
        second = await stubs.train(photo, "cat")
        await stubs.operations.CancelOperation(operations_pb2.CancelOperationRequest(name=second))
        told = await refused(stubs.train(photo, "dan"))
        (violation,) = told[error_details_pb2.QuotaFailure].violations
        assert violation.description == "identities: at most 2"
        assert error_details_pb2.RetryInfo not in told
        await stubs.identities.DeleteIdentity(pb.DeleteIdentityRequest(name="identities/ann"))
        await stubs.train(photo, "dan")
        assert len([blob for blob in gateway.blobs() if blob.startswith("sources/")]) == 1
        spec = generation_pb.GenerationSpec(prompt="a dog")
        told = await refused(stubs.generation.Generate(generation_pb.GenerateRequest(spec=spec)))
        (violation,) = told[error_details_pb2.QuotaFailure].violations
        assert violation.description == "generations: at most 0"
        spec.priority = generation_pb.PRIORITY_NORMAL
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await stubs.generation.Generate(generation_pb.GenerateRequest(spec=spec))
        assert "PRIORITY_LOW" in violations(caught.value)["spec.priority"]
    # It is no drawing that failed.
    assert 'likeness_generation_seconds_count{outcome="failed"} 0.0' in gateway.metrics()
