"""The audit log: who did what to which identity, and nothing of what callers wrote or showed."""

import asyncio
import json
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import grpc
import pytest
from google.longrunning import operations_pb2
from structlog.testing import capture_logs
from typer.testing import CliRunner

from likeness.v1 import generation_service_pb2 as generation_pb
from likeness.v1 import identity_service_pb2 as pb
from service.admin.cli import app
from service.audit import AuditLog
from service.auth.api_keys import ApiKeys
from service.caller import Act, Caller
from service.errors import UnavailableError
from service.store import ApiKeyStore, AuditStore, Database, Entry
from tests.service.gateway import Gateway, identity_of, scripted
from tests.support.postgres import PostgresServer

NAME = "xylophone"


async def logged(gateway: Gateway, **wanted: Any) -> list[Entry]:
    database = Database(gateway.database)
    try:
        return [entry async for entry in AuditStore(database).read(**wanted)]
    finally:
        await database.close()


async def test_who_did_what_to_which_identity_is_told(
    start_gateway: Callable[..., Gateway],
    light_bundle: Path,
    photo: bytes,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    gateway = start_gateway(
        AUTH__API_KEYS="true", BUNDLE=str(light_bundle), **scripted("succeed;stall")
    )
    database = Database(gateway.database)
    key = await ApiKeys(ApiKeyStore(database)).create("red")
    await database.close()
    metadata = (("authorization", f"Bearer {key}"),)
    spec = generation_pb.GenerationSpec(
        prompt=f"a {NAME} of <ann>", identities={"ann": f"identities/{NAME}"}
    )
    async with gateway.stubs() as stubs:

        async def call(method: Any, request: Any) -> Any:
            with suppress(grpc.aio.AioRpcError):
                return await method(request, metadata=metadata)

        identities, operations = stubs.identities, stubs.operations
        request = pb.TrainIdentityRequest(image=photo, identity_id=NAME)
        first = await call(identities.TrainIdentity, request)
        wait = operations_pb2.WaitOperationRequest(name=first.name)
        uid = identity_of(await call(operations.WaitOperation, wait)).uid
        request.identity_id, request.seed = "other", 1
        second = await call(identities.TrainIdentity, request)
        await call(identities.TrainIdentity, request)  # its name is taken
        name = f"identities/{NAME}"
        await call(identities.GetIdentity, pb.GetIdentityRequest(name=name))
        await call(identities.ExportIdentity, pb.ExportIdentityRequest(name=name))
        await call(stubs.generation.Generate, generation_pb.GenerateRequest(spec=spec))
        cancel = operations_pb2.CancelOperationRequest(name=second.name)
        await call(operations.CancelOperation, cancel)
        delete = operations_pb2.DeleteOperationRequest(name=first.name)
        await call(operations.DeleteOperation, delete)
        await call(identities.DeleteIdentity, pb.DeleteIdentityRequest(name=name))
        await call(identities.DeleteIdentity, pb.DeleteIdentityRequest(name=name))
        with pytest.raises(grpc.aio.AioRpcError):  # nobody knows him
            await identities.DeleteIdentity(pb.DeleteIdentityRequest(name=name))
    gateway.stop()
    entries = await logged(gateway)
    other = next(e.identity_uid for e in entries if e.action == "CancelOperation")
    operation, cancelled = (each.name.removeprefix("operations/") for each in (first, second))
    assert sorted((e.action, e.identity_uid, e.operation_uid, e.outcome) for e in entries) == [
        ("CancelOperation", other, cancelled, "OK"),
        ("DeleteIdentity", "", "", "NOT_FOUND"),
        ("DeleteIdentity", uid, "", "OK"),
        ("DeleteOperation", uid, operation, "OK"),
        ("ExportIdentity", uid, "", "OK"),
        ("Generate", uid, "", "FAILED_PRECONDITION"),  # learned on another base model
        ("TrainIdentity", "", "", "ALREADY_EXISTS"),
        *sorted(("TrainIdentity", *made, "OK") for made in ((uid, operation), (other, cancelled))),
    ]
    subject = "key:" + key.split("_")[1]
    assert {(e.tenant, e.subject, e.proof) for e in entries} == {("red", subject, "api_key")}
    monkeypatch.setenv("LIKENESS_DATABASE__URL", gateway.database)

    async def told(*options: str) -> list[str]:
        answer = await asyncio.to_thread(CliRunner().invoke, app, ["audit", *options])
        return answer.stdout.splitlines()

    of_operation = await told("--tenant", "red", "--resource", operation)
    assert [json.loads(line)["action"] for line in of_operation] == [
        "TrainIdentity",
        "DeleteOperation",
    ]
    everything = await told()
    assert (len(everything), NAME in str(everything)) == (len(entries), False)
    assert await told("--tenant", "blue") == await told("--since", "2999-01-01") == []


async def test_what_cannot_be_written_down_is_not_done(
    start_gateway: Callable[..., Gateway], photo: bytes
) -> None:
    gateway = start_gateway(**scripted("succeed"))
    async with gateway.stubs() as stubs:
        await stubs.finished(await stubs.train(photo, "ann"))
        gateway.break_table("audit")
        refused: list[Awaitable[Any]] = [
            stubs.train(photo, "ben"),
            stubs.identities.DeleteIdentity(pb.DeleteIdentityRequest(name="identities/ann")),
        ]
        for call in refused:
            with pytest.raises(grpc.aio.AioRpcError):
                await call
        left = await stubs.identities.ListIdentities(pb.ListIdentitiesRequest())
        assert [(each.name, each.state) for each in left.identities] == [
            ("identities/ann", pb.Identity.STATE_READY)
        ]


async def test_what_waits_is_written_when_the_database_is_back(postgres: PostgresServer) -> None:
    database = Database(postgres.database())
    await database.migrate()
    store = AuditStore(database)
    audit = AuditLog(store)
    act = Act(Caller("red", "key:1", "api_key"), "ExportIdentity", ["uid"])
    with postgres.outage(), capture_logs():
        audit.ended(act, "OK", "")
        with pytest.raises(UnavailableError):
            await audit.flush()
    await audit.flush()
    await audit.flush()
    (entry,) = [entry async for entry in store.read()]
    assert (entry.subject, entry.action, entry.identity_uid) == ("key:1", "ExportIdentity", "uid")
    await database.close()


async def test_what_is_being_written_when_the_gateway_stops_is_written_once(
    tmp_path: Path,
) -> None:
    database = Database(f"sqlite+aiosqlite:///{tmp_path / 'audit.sqlite3'}")
    await database.migrate()
    written, answered = asyncio.Event(), asyncio.Event()

    class SlowStore(AuditStore):
        async def append(self, entries: Sequence[Entry]) -> None:
            await super().append(entries)
            written.set()
            await answered.wait()

    audit = AuditLog(SlowStore(database))
    audit.ended(Act(Caller("red", "key:1", "api_key"), "ExportIdentity", ["uid"]), "OK", "")
    running = asyncio.create_task(audit.run())
    await written.wait()
    running.cancel()
    answered.set()
    await audit.flush()
    assert len([entry async for entry in AuditStore(database).read()]) == 1
    await database.close()
