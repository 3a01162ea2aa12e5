"""A real gateway process, its ports and its clients."""

import asyncio
import contextlib
import io
import json
import os
import signal
import sqlite3
import subprocess
import sys
import urllib.request
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import grpc
from google.longrunning import operations_pb2, operations_pb2_grpc
from google.protobuf.message import Message
from google.rpc import error_details_pb2
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_status import rpc_status
from PIL import Image

from likeness.v1 import generation_service_pb2_grpc, identity_service_pb2_grpc
from likeness.v1 import identity_service_pb2 as pb
from tests.support.ports import free_ports

STARTUP_SECONDS = 60


@dataclass
class Gateway:
    """``python -m service`` in a directory of its own.

    Attributes:
        home: database, blobs, jobs and ``gateway.log`` lie here.
        settings: further settings, as environment variables without their prefix.
        trust: of channels to it, if it speaks TLS.
        variables: further ones of its environment.
    """

    home: Path
    settings: dict[str, str] = field(default_factory=dict)
    trust: grpc.ChannelCredentials | None = None
    variables: dict[str, str] = field(default_factory=dict)
    process: subprocess.Popen[bytes] | None = None

    def __post_init__(self) -> None:
        self.port, self.metrics_port, self.triton_port = free_ports(3)

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    @property
    def name(self) -> str:
        """Its address as its certificate has it."""
        return f"localhost:{self.port}"

    @property
    def database(self) -> str:
        return self.environment()["LIKENESS_DATABASE__URL"]

    @property
    def log(self) -> Path:
        return self.home / "gateway.log"

    def environment(self) -> dict[str, str]:
        settings = {
            "LISTEN": self.address,
            "METRICS_LISTEN": f"127.0.0.1:{self.metrics_port}",
            "BUNDLE": str(self.home / "no-bundle"),
            "BASE_MODEL": str(self.home / "no-base-model"),
            "DATABASE__URL": f"sqlite+aiosqlite:///{self.home}/likeness.db",
            "BLOBS__URL": f"file://{self.home}/blobs",
            "TRITON__URL": f"127.0.0.1:{self.triton_port}",
            "TRITON__PROBE_SECONDS": "0.5",
            "JOBS__WORK_DIR": str(self.home / "jobs"),
            "JOBS__RETRY_SECONDS": "0.05",
            "DRAIN_SECONDS": "5",
            **self.settings,
        }
        named = {f"LIKENESS_{name}": value for name, value in settings.items()}
        return {**os.environ, **self.variables, **named}

    def start(self) -> "Gateway":
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "service"],
                env=self.environment(),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        with (
            grpc.secure_channel(self.name, self.trust)
            if self.trust
            else grpc.insecure_channel(self.address)
        ) as channel:
            try:
                grpc.channel_ready_future(channel).result(STARTUP_SECONDS)
            except grpc.FutureTimeoutError:
                self.kill()
                raise AssertionError(self.log.read_text()) from None
        return self

    def kill(self) -> None:
        assert self.process is not None
        self.process.kill()
        self.process.wait()

    def stop(self) -> int:
        """SIGTERM; the exit status."""
        assert self.process is not None
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(30)

    def metrics(self) -> str:
        with urllib.request.urlopen(f"http://127.0.0.1:{self.metrics_port}/metrics") as answer:
            return answer.read().decode()

    def open_metrics(self) -> str:
        url = f"http://127.0.0.1:{self.metrics_port}/metrics"
        accept = {"Accept": "application/openmetrics-text; version=1.0.0"}
        with urllib.request.urlopen(urllib.request.Request(url, headers=accept)) as answer:
            return answer.read().decode()

    def events(self, name: str) -> list[dict[str, Any]]:
        """Log lines of one event; what gRPC's core writes to stderr has another form."""
        lines = self.log.read_text().splitlines()
        events = [json.loads(line) for line in lines if line.startswith("{")]
        return [event for event in events if event["event"] == name]

    def blobs(self) -> list[str]:
        root = self.home / "blobs"
        return sorted(str(p.relative_to(root)) for p in root.rglob("*") if p.is_file())

    def work_dirs(self) -> list[str]:
        return sorted(p.name for p in (self.home / "jobs").iterdir() if p.is_dir())

    def break_table(self, name: str) -> None:
        """Takes a table away: a database that fails in a way no code foresees."""
        with contextlib.closing(sqlite3.connect(self.home / "likeness.db")) as database:
            database.execute(f"ALTER TABLE {name} RENAME TO {name}_gone")

    def trainers(self) -> list[int]:
        """Pids of the workers that it started."""
        variable = "LIKENESS_JOBS__WORK_DIR"
        mark = f"{variable}={self.environment()[variable]}".encode()
        found = []
        for process in Path("/proc").glob("[0-9]*"):
            try:
                command = (process / "cmdline").read_bytes().split(b"\0")
                environment = (process / "environ").read_bytes().split(b"\0")
            except (FileNotFoundError, ProcessLookupError, PermissionError):
                continue
            if b"--idle-seconds" in command and mark in environment:
                found.append(int(process.name))
        return found

    @asynccontextmanager
    async def stubs(self) -> AsyncIterator["Stubs"]:
        options = [("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1)]
        async with grpc.aio.insecure_channel(self.address, options=options) as channel:
            yield Stubs(channel)


class Stubs:
    """Clients of all services of one gateway."""

    def __init__(self, channel: grpc.aio.Channel) -> None:
        self.channel = channel
        self.identities: Any = identity_service_pb2_grpc.IdentityServiceStub(channel)
        self.generation: Any = generation_service_pb2_grpc.GenerationServiceStub(channel)
        self.operations: Any = operations_pb2_grpc.OperationsStub(channel)
        self.health: Any = health_pb2_grpc.HealthStub(channel)

    async def train(self, image: bytes, identity_id: str = "", **fields: Any) -> str:
        """Starts a training; the operation's name."""
        request = pb.TrainIdentityRequest(image=image, identity_id=identity_id, **fields)
        return (await self.identities.TrainIdentity(request)).name

    async def watch(self, operation: str) -> AsyncIterator[pb.WatchTrainingResponse]:
        async for message in self.identities.WatchTraining(
            pb.WatchTrainingRequest(operation=operation)
        ):
            yield message

    async def until_step(self, operation: str, step: int) -> None:
        async for message in self.watch(operation):
            assert message.WhichOneof("result") is None, message
            if message.metadata.step >= step:
                return

    async def finished(self, operation: str) -> operations_pb2.Operation:
        async with asyncio.timeout(200):
            while True:
                done = await self.operations.WaitOperation(
                    operations_pb2.WaitOperationRequest(name=operation)
                )
                if done.done:
                    return done

    async def serving(self, service: str = "") -> bool:
        answer = await self.health.Check(health_pb2.HealthCheckRequest(service=service))
        return answer.status == health_pb2.HealthCheckResponse.SERVING

    async def until_serving(self, service: str = "") -> None:
        request = health_pb2.HealthCheckRequest(service=service)
        async for answer in self.health.Watch(request, wait_for_ready=True):
            if answer.status == health_pb2.HealthCheckResponse.SERVING:
                return


def metadata_of(operation: operations_pb2.Operation) -> pb.TrainIdentityMetadata:
    metadata = pb.TrainIdentityMetadata()
    assert operation.metadata.Unpack(metadata)
    return metadata


def identity_of(operation: operations_pb2.Operation) -> pb.Identity:
    response = pb.TrainIdentityResponse()
    assert operation.response.Unpack(response), operation
    return response.identity


def details(error: grpc.aio.AioRpcError) -> dict[type[Message], Message]:
    """The typed details of an error."""
    status = rpc_status.from_call(error)
    assert status is not None, error
    assert status.message == error.details()
    found: dict[type[Message], Message] = {}
    for kind in (
        error_details_pb2.BadRequest,
        error_details_pb2.ErrorInfo,
        error_details_pb2.QuotaFailure,
        error_details_pb2.ResourceInfo,
        error_details_pb2.RetryInfo,
    ):
        for detail in status.details:
            if detail.Is(kind.DESCRIPTOR):
                found[kind] = kind.FromString(detail.value)
    return found


def violations(error: grpc.aio.AioRpcError) -> dict[str, str]:
    """Field and description of each violation; every one is in the message too."""
    assert error.code() is grpc.StatusCode.INVALID_ARGUMENT, error
    request = details(error)[error_details_pb2.BadRequest]
    return {each.field: each.description for each in request.field_violations}


def running(gateway: Gateway) -> Iterator[Gateway]:
    """For fixtures: starts, hands out, stops."""
    gateway.start()
    try:
        yield gateway
    finally:
        if gateway.process is not None and gateway.process.poll() is None:
            gateway.kill()


def encode(image: Image.Image, kind: str = "PNG") -> bytes:
    encoded = io.BytesIO()
    image.save(encoded, kind)
    return encoded.getvalue()


def scripted(*plan: str, model: str = "sha256:" + "0" * 64, stages: int = 5) -> dict[str, str]:
    """Settings for a trainer that does as told, one word for each of its attempts.

    Its identities are for the base model of digest ``model``.
    """
    script = str(Path(__file__).parent / "scripted_trainer.py")
    command = [sys.executable, script, "--plan", ",".join(plan), "--model", model]
    command += ["--stages", str(stages)]
    return {"JOBS__TRAINER": json.dumps(command)}


def real_trainer(checkpoint: Path) -> dict[str, str]:
    """Settings for the trainer itself, with less to do."""
    command = [sys.executable, "-m", "trainer.work", "--set", "steps=20"]
    return {"BASE_MODEL": str(checkpoint), "JOBS__TRAINER": json.dumps(command)}
