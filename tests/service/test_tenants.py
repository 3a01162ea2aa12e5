"""One tenant tries every RPC of every service on what is another's, and finds nothing."""

import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc
import numpy as np
import pytest
from google.longrunning import operations_pb2 as ops
from google.protobuf import descriptor_pool
from google.protobuf.descriptor import MethodDescriptor
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc

from identity import Identity, ServingBundle
from likeness.v1 import generation_service_pb2 as generation_pb
from likeness.v1 import identity_service_pb2 as pb
from likeness.v1 import provenance_service_pb2 as provenance_pb
from service.auth.api_keys import ApiKeys
from service.store import ApiKeyStore, Database
from tests.service.gateway import Gateway, Stubs, identity_of, running, scripted

OPEN = ("grpc.",)
"""Packages of services that know no tenants: health and reflection."""


@dataclass(frozen=True)
class Theirs:
    """What belongs to the other tenant."""

    identity: pb.Identity
    operation: str
    request: pb.TrainIdentityRequest
    artifact: bytes


def _spec(theirs: Theirs) -> generation_pb.GenerationSpec:
    return generation_pb.GenerationSpec(
        prompt="a photo of <ann>", identities={"ann": theirs.identity.name}, steps=1
    )


REQUESTS: dict[str, Callable[[Theirs], Message]] = {
    "GetIdentity": lambda t: pb.GetIdentityRequest(name=t.identity.name),
    "ListIdentities": lambda t: pb.ListIdentitiesRequest(),
    "ExportIdentity": lambda t: pb.ExportIdentityRequest(name=t.identity.name),
    "ImportIdentity": lambda t: pb.ImportIdentityRequest(artifact=t.artifact),
    "WatchTraining": lambda t: pb.WatchTrainingRequest(operation=t.operation),
    "VerifyImage": lambda t: provenance_pb.VerifyImageRequest(image=t.request.image),
    "Generate": lambda t: generation_pb.GenerateRequest(spec=_spec(t)),
    "StreamGenerate": lambda t: generation_pb.StreamGenerateRequest(spec=_spec(t)),
    "GetOperation": lambda t: ops.GetOperationRequest(name=t.operation),
    "ListOperations": lambda t: ops.ListOperationsRequest(name="operations"),
    "WaitOperation": lambda t: ops.WaitOperationRequest(name=t.operation),
    "CancelOperation": lambda t: ops.CancelOperationRequest(name=t.operation),
    "DeleteOperation": lambda t: ops.DeleteOperationRequest(name=t.operation),
    "DeleteIdentity": lambda t: pb.DeleteIdentityRequest(name=t.identity.name),
    "TrainIdentity": lambda t: t.request,
}
"""Every RPC, asking for what is the other's; those that erase it come last."""

OWN = {"TrainIdentity", "ImportIdentity", "VerifyImage"}
"""RPCs that look for nothing stored."""
EMPTY_ANSWERS = {"ListIdentities", "ListOperations"} | OWN
"""RPCs that do not name what they want: they succeed, and tell nothing of the other's."""


async def methods(channel: grpc.aio.Channel) -> list[MethodDescriptor]:
    """Those of all services that the gateway offers, as it tells itself."""
    stub: Any = reflection_pb2_grpc.ServerReflectionStub(channel)
    question = reflection_pb2.ServerReflectionRequest(list_services="")
    async for answer in stub.ServerReflectionInfo(iter([question])):
        names = [service.name for service in answer.list_services_response.service]
    pool = descriptor_pool.Default()
    services = [pool.FindServiceByName(name) for name in names if not name.startswith(OPEN)]
    return [method for service in services for method in service.methods]


async def call(
    channel: grpc.aio.Channel, method: MethodDescriptor, request: Message, key: str
) -> tuple[grpc.StatusCode, str, list[Message]]:
    """Status, message and answers of a call."""
    path = f"/{method.containing_service.full_name}/{method.name}"
    kind = GetMessageClass(method.output_type).FromString
    metadata = (("authorization", f"Bearer {key}"),)
    answers: list[Message] = []
    try:
        if method.server_streaming:
            stream: Any = channel.unary_stream(path, _bytes, kind)
            answers.extend([a async for a in stream(request, metadata=metadata, timeout=30)])
        else:
            unary: Any = channel.unary_unary(path, _bytes, kind)
            answers.append(await unary(request, metadata=metadata, timeout=30))
    except grpc.aio.AioRpcError as error:
        return error.code(), error.details() or "", answers
    return grpc.StatusCode.OK, "", answers


def _bytes(message: Message) -> bytes:
    return message.SerializeToString()


@pytest.fixture(scope="module")
def gateway(light_bundle: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    """One that asks for API keys."""
    settings = {"BUNDLE": str(light_bundle), "AUTH__API_KEYS": "true", **scripted("succeed")}
    yield from running(Gateway(tmp_path_factory.mktemp("gateway"), settings))


@pytest.fixture(scope="module")
def artifact(light_bundle: Path) -> bytes:
    """One that is taken."""
    served = ServingBundle.load(light_bundle)
    tokens = np.zeros((served.stages, 2, served.token_width), np.float32)
    return Identity(tokens, served.base_model_digest, "person").to_bytes()


async def test_no_rpc_finds_what_is_another_tenants(
    gateway: Gateway, photo: bytes, artifact: bytes
) -> None:
    database = Database(gateway.database)
    keys = ApiKeys(ApiKeyStore(database))
    red, blue = await keys.create("red"), await keys.create("blue")
    await database.close()
    request = pb.TrainIdentityRequest(image=photo, identity_id="ann", request_id=str(uuid.uuid4()))
    async with gateway.stubs() as stubs:
        all_methods = {method.name: method for method in await methods(stubs.channel)}
        assert set(REQUESTS) == set(all_methods), "every RPC must be tried here"
        theirs = await trained(stubs, request, artifact, red)
        told = (theirs.identity.uid, theirs.operation.partition("/")[2])

        async def ask(name: str, key: str) -> tuple[grpc.StatusCode, str, list[Message]]:
            return await call(stubs.channel, all_methods[name], REQUESTS[name](theirs), key)

        for name in REQUESTS:
            status, message, answers = await ask(name, blue)
            expected = grpc.StatusCode.OK if name in EMPTY_ANSWERS else grpc.StatusCode.NOT_FOUND
            assert status is expected, (name, message)
            for secret in told:
                assert all(secret.encode() not in _bytes(answer) for answer in answers), name
                assert secret not in message or secret in _bytes(REQUESTS[name](theirs)).decode(
                    errors="replace"
                )
        # It is all still there, and the same calls find it with the key of its tenant.
        for name in REQUESTS:
            status, message, answers = await ask(name, red)
            assert status is not grpc.StatusCode.NOT_FOUND, (name, message)
            if name in EMPTY_ANSWERS - OWN:
                assert any(told[0].encode() in _bytes(answer) for answer in answers), name


async def trained(
    stubs: Stubs, request: pb.TrainIdentityRequest, artifact: bytes, key: str
) -> Theirs:
    metadata = (("authorization", f"Bearer {key}"),)
    operation = await stubs.identities.TrainIdentity(request, metadata=metadata)
    question = ops.WaitOperationRequest(name=operation.name)
    done = await stubs.operations.WaitOperation(question, metadata=metadata, timeout=60)
    return Theirs(identity_of(done), operation.name, request, artifact)
