"""Logs, metrics and the audit log tell nothing of what callers wrote or showed."""

import base64
import contextlib
import sqlite3
from collections.abc import Callable
from pathlib import Path

import grpc
import pytest

from likeness.v1 import generation_service_pb2 as generation_pb
from likeness.v1 import identity_service_pb2 as pb
from tests.service.gateway import Gateway, scripted

MARK = "xylophone"


async def test_nothing_that_callers_send_is_logged_or_measured(
    start_gateway: Callable[..., Gateway], light_bundle: Path, photo: bytes
) -> None:
    gateway = start_gateway(BUNDLE=str(light_bundle), **scripted("crash", "succeed"))
    async with gateway.stubs() as stubs:
        await stubs.finished(await stubs.train(photo, f"{MARK}-1"))
        refused = [
            stubs.train(photo, f"{MARK}-1"),
            stubs.train(photo, f"{MARK.upper()}"),
            stubs.train(MARK.encode(), class_noun=f"{MARK} {MARK}", preset=MARK, request_id=MARK),
            stubs.identities.GetIdentity(pb.GetIdentityRequest(name=f"identities/{MARK}")),
            stubs.identities.ListIdentities(pb.ListIdentitiesRequest(page_token=MARK)),
            *(
                stubs.generation.Generate(
                    generation_pb.GenerateRequest(
                        spec=generation_pb.GenerationSpec(
                            prompt=prompt, identities=bound, negative_prompt=MARK
                        )
                    )
                )
                for prompt, bound in (
                    (f"{MARK}", {}),
                    (f"<{MARK}>", {}),
                    (f"<{MARK}>", {MARK: f"identities/{MARK}-1"}),
                    (f"<{MARK}>", {MARK: f"identities/{MARK}-2"}),
                    (f"<{MARK}>", {MARK: MARK}),
                )
            ),
        ]
        for call in refused:
            with pytest.raises(grpc.aio.AioRpcError):
                await call
        await stubs.identities.DeleteIdentity(pb.DeleteIdentityRequest(name=f"identities/{MARK}-1"))
        metrics = gateway.metrics()
    gateway.stop()
    assert gateway.events("rpc")
    with contextlib.closing(sqlite3.connect(gateway.home / "likeness.db")) as database:
        audit = str(database.execute("SELECT * FROM audit").fetchall())
    assert "DeleteIdentity" in audit
    for told in (gateway.log.read_text(), metrics, audit):
        for text in (MARK, base64.b64encode(photo[:30]).decode(), repr(photo[:12])[2:-1]):
            assert text.lower() not in told.lower()


async def test_an_unexpected_fault_is_told_by_a_number_only(
    start_gateway: Callable[..., Gateway], photo: bytes
) -> None:
    gateway = start_gateway(**scripted("succeed"))
    async with gateway.stubs() as stubs:
        await stubs.finished(await stubs.train(photo, MARK))
        metrics = gateway.metrics()
        gateway.break_table("identities")
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await stubs.identities.GetIdentity(pb.GetIdentityRequest(name=f"identities/{MARK}"))
    assert caught.value.code() in (grpc.StatusCode.INTERNAL, grpc.StatusCode.UNAVAILABLE)
    assert "identities" not in str(caught.value.details())
    assert MARK not in gateway.log.read_text()
    assert MARK not in metrics
