"""Identities travel between deployments, and are deleted only as they were seen."""

import json
from collections.abc import Callable
from typing import Any

import grpc
import numpy as np
import pytest
from google.protobuf.field_mask_pb2 import FieldMask
from google.rpc import error_details_pb2
from safetensors.numpy import save

from identity import Identity, ServingBundle, digest
from identity.artifact import FORMAT, METADATA, TENSOR
from likeness.v1 import identity_service_pb2 as pb
from tests.service.gateway import Gateway, details, scripted, violations

Start = Callable[..., Gateway]

TOKENS = {TENSOR: np.zeros((5, 2, 4), np.float32)}
PLAIN = {"format": FORMAT, "base_model_digest": "", "class_noun": "dog", "training": {}}


def reason(error: grpc.aio.AioRpcError) -> str:
    info: Any = details(error)[error_details_pb2.ErrorInfo]
    return str(info.reason)


@pytest.fixture(scope="module")
def artifact(light_bundle: Any) -> Callable[..., bytes]:
    """Makes artifacts; of the served base model unless told otherwise."""
    served = ServingBundle.load(light_bundle)

    def make(model: str = served.base_model_digest, width: int = served.token_width) -> bytes:
        tokens = np.random.default_rng(0).standard_normal((5, 2, width)).astype(np.float32)
        return Identity(tokens, model, "dog").to_bytes()

    return make


async def test_an_identity_travels(gateway: Gateway, artifact: Callable[..., bytes]) -> None:
    data = artifact()
    async with gateway.stubs() as stubs:
        request = pb.ImportIdentityRequest(
            identity_id="rex", artifact=data, artifact_digest=digest(data)
        )
        taken = (await stubs.identities.ImportIdentity(request)).identity
        assert (taken.name, taken.class_noun) == ("identities/rex", "dog")
        assert (taken.state, taken.artifact_digest) == (pb.Identity.STATE_READY, digest(data))
        out = await stubs.identities.ExportIdentity(pb.ExportIdentityRequest(name="identities/rex"))
        assert (out.artifact, out.identity) == (data, taken)
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await stubs.identities.ImportIdentity(request)
        assert caught.value.code() is grpc.StatusCode.ALREADY_EXISTS
        await stubs.identities.DeleteIdentity(pb.DeleteIdentityRequest(name="identities/rex"))
    assert not any(taken.uid in blob for blob in gateway.blobs())


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"artifact": b"?"}, "artifact"),
        ({"artifact": b""}, "artifact"),
        ({"artifact_digest": "sha256:" + "0" * 64}, "artifact_digest"),
        ({"artifact_digest": "sha256:1"}, "artifact_digest"),
        (
            {"artifact": save(TOKENS, {METADATA: json.dumps({**PLAIN, "class_noun": 5})})},
            "artifact",
        ),
        (
            {"artifact": save(TOKENS, {METADATA: json.dumps({**PLAIN, "base_model_digest": 5})})},
            "artifact",
        ),
        ({"artifact": save(TOKENS, {METADATA: "[" * 100_000})}, "artifact"),
    ],
)
async def test_a_bad_artifact_is_refused(
    gateway: Gateway, artifact: Callable[..., bytes], change: dict[str, Any], field: str
) -> None:
    request = pb.ImportIdentityRequest(**{"artifact": artifact(), **change})
    async with gateway.stubs() as stubs:
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await stubs.identities.ImportIdentity(request)
    assert list(violations(caught.value)) == [field]


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"model": "sha256:" + "0" * 64}, "BASE_MODEL_MISMATCH"),
        ({"width": 8}, "IDENTITY_SHAPE_MISMATCH"),
    ],
)
async def test_an_artifact_of_another_model_is_refused(
    gateway: Gateway, artifact: Callable[..., bytes], change: dict[str, Any], expected: str
) -> None:
    request = pb.ImportIdentityRequest(artifact=artifact(**change))
    async with gateway.stubs() as stubs:
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await stubs.identities.ImportIdentity(request)
    assert caught.value.code() is grpc.StatusCode.FAILED_PRECONDITION
    assert reason(caught.value) == expected


async def test_what_is_not_ready_stays(start_gateway: Start, photo: bytes) -> None:
    gateway = start_gateway(**scripted("stall"))
    async with gateway.stubs() as stubs:
        name = await stubs.train(photo, "ann")
        await stubs.until_step(name, 1)
        request = pb.ExportIdentityRequest(name="identities/ann")
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await stubs.identities.ExportIdentity(request)
    assert reason(caught.value) == "IDENTITY_NOT_READY"


async def test_an_identity_is_deleted_only_as_it_was_seen(gateway: Gateway, photo: bytes) -> None:
    async with gateway.stubs() as stubs:
        name = await stubs.train(photo, "seen")
        early = (await _identity(stubs, "seen")).etag
        await stubs.finished(name)
        late = (await _identity(stubs, "seen")).etag
        request = pb.DeleteIdentityRequest(name="identities/seen", etag=f"{early}x")
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await stubs.identities.DeleteIdentity(request)
        assert caught.value.code() is grpc.StatusCode.ABORTED
        assert reason(caught.value) == "ETAG_MISMATCH"
        assert (await _identity(stubs, "seen")).etag == late
        request.etag = late
        await stubs.identities.DeleteIdentity(request)


async def test_a_list_tells_what_was_asked_for(
    gateway: Gateway, artifact: Callable[..., bytes]
) -> None:
    async with gateway.stubs() as stubs:
        request = pb.ImportIdentityRequest(identity_id="masked", artifact=artifact())
        await stubs.identities.ImportIdentity(request)
        ask = pb.ListIdentitiesRequest(page_size=1, read_mask=FieldMask(paths=["name", "state"]))
        (told,) = (await stubs.identities.ListIdentities(ask)).identities
        expected = pb.Identity(name="identities/masked", state=pb.Identity.STATE_READY)
        assert told == expected
        ask.read_mask.paths.append("colour")
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await stubs.identities.ListIdentities(ask)
    assert list(violations(caught.value)) == ["read_mask"]


async def _identity(stubs: Any, name: str) -> pb.Identity:
    request = pb.GetIdentityRequest(name=f"identities/{name}")
    answer: pb.Identity = (await stubs.identities.GetIdentity(request)).identity
    return answer
