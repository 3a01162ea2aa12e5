"""The local stack: Triton and the gateway as background processes on loopback.

State lives in one directory: ``run/`` remembers the processes, ``logs/`` holds what they print,
``serving/`` the bundle, the rest is the gateway's. Starting is idempotent: what runs is left alone,
what died is started again, so ``up`` after a crash brings back just what is missing.
"""

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc

GENERATION_SERVICE = "likeness.v1.GenerationService"
IDENTITY_SERVICE = "likeness.v1.IdentityService"


class StackError(RuntimeError):
    """The stack can't be started; the message says what is missing."""


@dataclass(frozen=True)
class StackConfig:
    """Where the stack lives.

    Attributes:
        home: directory of everything the stack writes.
        base_model: diffusers directory or hub id of the base model.
        gateway_port, metrics_port: gRPC and Prometheus ports of the gateway.
        triton_http_port, triton_grpc_port, triton_metrics_port: ports of Triton.
        ready_seconds: how long a process may take to become ready.
    """

    home: Path = Path(".likeness")
    base_model: str = "faceworld/checkpoint"
    gateway_port: int = 50051
    metrics_port: int = 9464
    triton_http_port: int = 8000
    triton_grpc_port: int = 8001
    triton_metrics_port: int = 8002
    ready_seconds: float = 120.0

    @property
    def bundle(self) -> Path:
        """The serving bundle."""
        return self.home / "serving"


@dataclass(frozen=True)
class Service:
    """One process of the stack."""

    name: str
    command: list[str]
    environment: dict[str, str]
    ports: tuple[int, ...]
    ready: Callable[[], bool]


class Stack:
    """Starts and stops the processes of a :class:`StackConfig`."""

    def __init__(self, config: StackConfig) -> None:
        self._config = config
        self._run = config.home / "run"
        self._logs = config.home / "logs"

    def up(self) -> None:
        """Exports the bundle if needed, starts what does not run and waits until all is ready.

        Raises:
            StackError: something is missing; what this call started is stopped again.
        """
        self._run.mkdir(parents=True, exist_ok=True)
        self._logs.mkdir(parents=True, exist_ok=True)
        self._export()
        started: list[str] = []
        try:
            for service in self._services():
                if self._alive(service.name):
                    continue
                self._start(service)
                started.append(service.name)
            for service in self._services():
                self._wait_ready(service)
        except BaseException:
            for name in reversed(started):
                self._stop(name)
            raise

    def down(self) -> None:
        """Stops the processes, the gateway first so that it can finish what is in flight."""
        for service in reversed(self._services()):
            self._stop(service.name)

    def running(self) -> list[str]:
        """Names of the processes that run."""
        return [service.name for service in self._services() if self._alive(service.name)]

    def _services(self) -> list[Service]:
        config = self._config
        address = f"127.0.0.1:{config.gateway_port}"
        return [
            Service(
                name="triton",
                command=[
                    *(sys.executable, "-m", "deploy.triton", "--bundle", str(config.bundle)),
                    *("--http-port", str(config.triton_http_port)),
                    *("--grpc-port", str(config.triton_grpc_port)),
                    *("--metrics-port", str(config.triton_metrics_port)),
                ],
                environment={},
                ports=(
                    config.triton_http_port,
                    config.triton_grpc_port,
                    config.triton_metrics_port,
                ),
                ready=lambda: _http_ok(
                    f"http://127.0.0.1:{config.triton_http_port}/v2/models/sampler/ready"
                ),
            ),
            Service(
                name="gateway",
                command=[sys.executable, "-m", "service"],
                environment={
                    "LIKENESS_LISTEN": address,
                    "LIKENESS_METRICS_LISTEN": f"127.0.0.1:{config.metrics_port}",
                    "LIKENESS_TRITON__URL": f"127.0.0.1:{config.triton_grpc_port}",
                    "LIKENESS_BUNDLE": str(config.bundle),
                    "LIKENESS_BASE_MODEL": config.base_model,
                    "LIKENESS_DATABASE__URL": f"sqlite+aiosqlite:///{config.home}/likeness.db",
                    "LIKENESS_BLOBS__URL": (config.home.absolute() / "blobs").as_uri(),
                    "LIKENESS_JOBS__WORK_DIR": str(config.home / "jobs"),
                },
                ports=(config.gateway_port, config.metrics_port),
                ready=lambda: (
                    _serving(address, IDENTITY_SERVICE)
                    and _serving(address, GENERATION_SERVICE)
                    and _http_ok(f"http://127.0.0.1:{config.metrics_port}/metrics")
                ),
            ),
        ]

    def _export(self) -> None:
        arguments = ["--checkpoint", self._config.base_model, "--out", str(self._config.bundle)]
        result = subprocess.run([sys.executable, "-m", "export", *arguments], check=False)
        if result.returncode != 0:
            raise StackError(f"the base model {self._config.base_model} could not be exported")

    def _start(self, service: Service) -> None:
        for port in service.ports:
            if _taken(port):
                raise StackError(f"port {port} on 127.0.0.1, which {service.name} needs, is taken")
        with (self._logs / f"{service.name}.log").open("ab") as log:
            process = subprocess.Popen(
                service.command,
                env={**os.environ, **service.environment},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        record = {"pid": process.pid, "started": _start_time(process.pid)}
        aside = self._run / f"{service.name}.tmp"
        aside.write_text(json.dumps(record))
        aside.rename(self._run / f"{service.name}.json")

    def _wait_ready(self, service: Service) -> None:
        log = self._logs / f"{service.name}.log"
        deadline = time.monotonic() + self._config.ready_seconds
        while not service.ready():
            if not self._alive(service.name):
                tail = "\n".join(log.read_text(errors="replace").splitlines()[-5:])
                raise StackError(f"{service.name} ended while starting; {log} says:\n{tail}")
            if time.monotonic() > deadline:
                seconds = self._config.ready_seconds
                raise StackError(f"{service.name} is not ready after {seconds:.0f} s; see {log}")
            time.sleep(0.2)

    def _stop(self, name: str) -> None:
        if (pid := self._alive(name)) is not None:
            os.kill(pid, signal.SIGTERM)
            deadline = time.monotonic() + 30
            while self._alive(name) is not None:
                if time.monotonic() > deadline:
                    os.killpg(pid, signal.SIGKILL)
                time.sleep(0.1)
        (self._run / f"{name}.json").unlink(missing_ok=True)

    def _alive(self, name: str) -> int | None:
        """The process's pid, if it runs. A pid that was given to another process does not count."""
        try:
            record = json.loads((self._run / f"{name}.json").read_text())
        except FileNotFoundError:
            return None
        pid = int(record["pid"])
        with contextlib.suppress(ChildProcessError):
            os.waitpid(pid, os.WNOHANG)
        return pid if _start_time(pid) == record["started"] else None


def _start_time(pid: int) -> str | None:
    """When a process started, in the kernel's clock ticks; None for a dead one."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return None
    return None if fields[0] == "Z" else fields[19]


def _taken(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def _http_ok(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=2) as response:
            return bool(response.status == 200)
    except (urllib.error.URLError, OSError):
        return False


def _serving(address: str, service: str) -> bool:
    with grpc.insecure_channel(address) as channel:
        stub = health_pb2_grpc.HealthStub(channel)
        try:
            answer = stub.Check(health_pb2.HealthCheckRequest(service=service), timeout=2)
        except grpc.RpcError:
            return False
    return bool(answer.status == health_pb2.HealthCheckResponse.SERVING)
