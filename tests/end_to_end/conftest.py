"""The whole stack with the embedded checkpoint: real Triton, gateway and trainer processes."""

import json
import os
import signal
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import pytest

from client import LikenessClient
from deploy.monitoring.rules import document as rules
from deploy.stack import Stack, StackConfig
from faceworld.judges import Judges
from tests.support.collector import Collector
from tests.support.ports import free_ports
from tests.support.prometheus import Alertmanager, Prometheus, Webhook

CHECKPOINT = Path(__file__).parents[2] / "faceworld" / "checkpoint"


@pytest.fixture(scope="module")
def config(tmp_path_factory: pytest.TempPathFactory) -> StackConfig:
    gateway, metrics, http, grpc, triton_metrics = free_ports(5)
    return StackConfig(
        home=tmp_path_factory.mktemp("stack"),
        base_model=str(CHECKPOINT),
        gateway_port=gateway,
        metrics_port=metrics,
        triton_http_port=http,
        triton_grpc_port=grpc,
        triton_metrics_port=triton_metrics,
    )


@pytest.fixture(scope="module")
def collector() -> Iterator[Collector]:
    """Of the traces that tests begin, in the stack's processes and in this one, for as long as
    the stack is up."""
    with Collector() as collector, pytest.MonkeyPatch.context() as environment:
        environment.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", collector.url)
        environment.setenv("OTEL_BSP_SCHEDULE_DELAY", "200")
        environment.setenv("OTEL_TRACES_SAMPLER", "parentbased_always_off")
        yield collector


@pytest.fixture(scope="module")
def stack(config: StackConfig, collector: Collector) -> Iterator[Stack]:
    stack = Stack(config)
    stack.up()
    yield stack
    stack.down()


@pytest.fixture(scope="module")
def webhook() -> Iterator[Webhook]:
    with Webhook() as webhook:
        yield webhook


@pytest.fixture(scope="module")
def prometheus(
    stack: Stack,
    config: StackConfig,
    webhook: Webhook,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Prometheus]:
    """Scrapes the stack; alerts that wait for minutes wait for seconds."""
    home = tmp_path_factory.mktemp("prometheus")
    jobs = {"likeness-gateway": config.metrics_port, "likeness-triton": config.triton_metrics_port}
    with (
        Alertmanager(home, webhook.port) as alertmanager,
        Prometheus(home, jobs, rules(pace=1 / 60), alertmanager.port) as prometheus,
    ):
        yield prometheus


@pytest.fixture
async def client(stack: Stack, config: StackConfig) -> AsyncIterator[LikenessClient]:
    async with LikenessClient(f"127.0.0.1:{config.gateway_port}") as client:
        yield client


@pytest.fixture
def kill(config: StackConfig) -> Callable[[str], None]:
    """Kills a process of the stack, or the trainers, as the kernel would: kill -9."""

    def kill_nine(name: str) -> None:
        if name == "trainer":
            pids = trainers(config.home)
        else:
            pids = [json.loads((config.home / "run" / f"{name}.json").read_text())["pid"]]
        assert pids, f"no {name} runs"
        for pid in pids:
            os.kill(pid, signal.SIGKILL)

    return kill_nine


def trainers(home: Path) -> list[int]:
    """Pids of the workers that a gateway with its work under ``home`` has started."""
    mark = f"LIKENESS_JOBS__WORK_DIR={home / 'jobs'}".encode()
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            command = (process / "cmdline").read_bytes().split(b"\0")
            environment = (process / "environ").read_bytes().split(b"\0")
        except (FileNotFoundError, ProcessLookupError, PermissionError):
            continue
        if b"trainer.work" in command and mark in environment:
            found.append(int(process.name))
    return found


@pytest.fixture(scope="session")
def judges() -> Judges:
    return Judges.load(CHECKPOINT / "judges")
