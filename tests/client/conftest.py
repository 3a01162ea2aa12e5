"""A real gateway process. It can draw nothing, and its trainings run until they are cancelled."""

import json
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator

import grpc
import pytest

from client import LikenessClient
from tests.client.stand_in import png
from tests.support.ports import free_ports

ENDLESS_TRAINER = """
import json, sys
for line in sys.stdin:
    command = json.loads(line)
    if command["command"] == "stop":
        print(json.dumps({"event": "stopped", "job": command["job"]}), flush=True)
"""


@pytest.fixture(scope="session")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of the gateway."""
    home = tmp_path_factory.mktemp("gateway")
    port, metrics_port, triton_port = free_ports(3)
    address = f"127.0.0.1:{port}"
    settings = {
        "LIKENESS_LISTEN": address,
        "LIKENESS_METRICS_LISTEN": f"127.0.0.1:{metrics_port}",
        "LIKENESS_TRITON__URL": f"127.0.0.1:{triton_port}",
        "LIKENESS_DATABASE__URL": f"sqlite+aiosqlite:///{home}/likeness.db",
        "LIKENESS_BLOBS__URL": f"file://{home}/blobs",
        "LIKENESS_JOBS__WORK_DIR": str(home / "jobs"),
        "LIKENESS_JOBS__TRAINER": json.dumps([sys.executable, "-c", ENDLESS_TRAINER]),
        "LIKENESS_BUNDLE": str(home / "no-bundle"),
    }
    with (home / "log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "service"],
            env={**os.environ, **settings},
            stdout=log,
            stderr=subprocess.STDOUT,
        )
    with grpc.insecure_channel(address) as channel:
        grpc.channel_ready_future(channel).result(timeout=60)
    yield address
    process.terminate()
    assert process.wait(timeout=30) == 0


@pytest.fixture
async def client(gateway: str) -> AsyncIterator[LikenessClient]:
    async with LikenessClient(gateway) as client:
        yield client


@pytest.fixture(scope="session")
def source(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A picture's file."""
    path = tmp_path_factory.mktemp("source") / "source.png"
    path.write_bytes(png("coral"))
    return str(path)
