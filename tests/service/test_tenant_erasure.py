"""`likeness-admin tenants`: what each has, and that all of it goes."""

import asyncio
import contextlib
import sqlite3
from collections.abc import Callable
from dataclasses import replace

from typer.testing import CliRunner, Result

from likeness.v1 import identity_service_pb2 as pb
from service.admin.cli import app
from service.auth.api_keys import ApiKeys
from service.store import (
    ApiKeyStore,
    AuditStore,
    Database,
    Failure,
    JobStore,
    OperationStore,
    TenantStore,
    Usage,
    now,
)
from tests.service.gateway import Gateway, Stubs, scripted
from tests.service.test_leadership import logged, uid_of
from tests.service.test_store import new

CANCELLED = Failure(1, "CANCELLED", "the training was cancelled")


async def test_what_a_tenant_has_is_counted_and_goes_alone(database: Database, term: int) -> None:
    operations, tenants, keys = (
        OperationStore(database),
        TenantStore(database),
        ApiKeyStore(database),
    )
    for name, tenant in (("a", "red"), ("b", "red"), ("c", "blue")):
        created = await operations.create(replace(new(name), tenant=tenant, image_bytes=10))
        assert created is not None
    running = await JobStore(database).claim(term)
    assert running is not None
    for expires in (None, now() + 10**9, now() - 1):
        await ApiKeys(keys).create("green", expires)
    revoked = (await ApiKeys(keys).create("green")).split("_")[1]
    assert await keys.revoke(revoked)
    first = running.operation.tenant
    expected = {
        "red": Usage(identities=2, queued=2, image_bytes=20),
        "blue": Usage(identities=1, queued=1, image_bytes=10),
        "green": Usage(keys=2),
    }
    expected[first].queued -= 1
    expected[first].running += 1
    assert await tenants.usage() == expected

    assert await tenants.begin_erasure(first, CANCELLED) == expected[first].identities
    assert await tenants.begin_erasure(first, CANCELLED) == 0
    expected[first] = Usage(erasing=expected[first].identities)
    assert await tenants.usage() == expected
    assert not await JobStore(database).holds(running.operation.uid, 1)
    told = [entry async for entry in AuditStore(database).read()]
    assert {(each.tenant, each.action, each.subject) for each in told} == {
        (first, "EraseTenant", "service")
    }
    assert len(told) == expected[first].erasing


async def identities(stubs: Stubs) -> list[str]:
    answer = await stubs.identities.ListIdentities(pb.ListIdentitiesRequest())
    return [each.name for each in answer.identities]


async def test_all_of_a_tenant_is_erased_even_if_gateways_die(
    start_gateway: Callable[..., Gateway], photo: bytes
) -> None:
    gateway = start_gateway(QUOTAS__IDENTITIES="9", **scripted("succeed;stall"))

    async def tenants(*arguments: str, typed: str = "") -> Result:
        command, place = ["tenants", *arguments], gateway.environment()
        return await asyncio.to_thread(CliRunner().invoke, app, command, typed, place)

    async with gateway.stubs() as stubs:
        await stubs.finished(await stubs.train(photo, "ann", seed=0))
        runs = await stubs.train(photo, "bea", seed=1)
        await stubs.until_step(runs, 1)
        (listed,) = (await tenants()).stdout.splitlines()[1:]
        assert listed.split()[:5] == ["default", "2/9", "0", "0", "1"]
        refused = await tenants("erase", "default", typed="n\n")
        assert (refused.exit_code, "Erase 2 identities of default" in refused.stdout) == (1, True)
        assert len(await identities(stubs)) == 2
        done = await tenants("erase", "default", "--yes")
        assert (done.exit_code, done.stdout) == (0, "identities that are being erased: 2\n")
        assert await identities(stubs) == []
        await logged(gateway, "attempt_ended", 10, operation=uid_of(runs), outcome="stopped")
    gateway.kill()
    gateway.start()  # and with that it sweeps
    assert gateway.blobs() == gateway.work_dirs() == []
    with contextlib.closing(sqlite3.connect(gateway.home / "likeness.db")) as database:
        for table, rows in (("identities", 0), ("operations", 0), ("tombstones", 2)):
            assert database.execute(f"SELECT count(*) FROM {table}").fetchone() == (rows,)
