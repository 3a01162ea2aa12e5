"""Everything that the gateway stands on, each behind something that can be made to fail."""

import importlib.util
import json
import subprocess
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks.simulated_bundle import write_simulated_bundle
from deploy.triton import TritonServer
from service.settings import JobSettings
from tests.service.gateway import Gateway, scripted
from tests.support.envoy import envoy
from tests.support.ports import free_ports
from tests.support.postgres import PostgresServer
from tests.support.s3_server import BUCKET, S3Server

DISK_MIB = 64
LIMIT_SECONDS = 10.0
"""Of every call, whether its caller says so or the gateway."""


@dataclass
class Stack:
    """A gateway and what it stands on.

    Attributes:
        disk: a small file system with the database, if it is SQLite, and checkpoints; None where
            none can be mounted.
        postgres: None if the database is SQLite.
    """

    gateway: Gateway
    triton: TritonServer
    front: "Front"
    storage: S3Server
    clock: Path
    disk: Path | None
    postgres: PostgresServer | None

    @property
    def jobs(self) -> JobSettings:
        """As the gateway has them."""
        return JobSettings(work_dir=Path(self.gateway.settings["JOBS__WORK_DIR"]))


@dataclass(frozen=True)
class Front:
    """An Envoy before Triton, whose fault filter is told by its administration port what to do."""

    port: int
    admin_port: int

    def fail(self, percent: int) -> None:
        """So many of a hundred calls end as UNAVAILABLE instead of reaching Triton."""
        self._set(f"fault.http.abort.abort_percent={percent}")

    def slow(self, seconds: float) -> None:
        """Calls reach Triton so much later."""
        self._set(f"fault.http.delay.fixed_delay_percent={100 if seconds else 0}")
        self._set(f"fault.http.delay.fixed_duration_ms={round(1000 * seconds)}")

    def _set(self, change: str) -> None:
        url = f"http://127.0.0.1:{self.admin_port}/runtime_modify?{change}"
        urllib.request.urlopen(urllib.request.Request(url, method="POST"), timeout=10).close()


@contextmanager
def running(home: Path, checkpoint: Path, database: str) -> Iterator[Stack]:
    """All of it, in processes of their own; ``database``: sqlite or postgresql."""
    with ExitStack() as started:
        bundle = write_simulated_bundle(checkpoint, home / "bundle")
        triton = started.enter_context(TritonServer(home / "bundle", home, threads=1))
        front = started.enter_context(_front(home, triton.ports.grpc))
        storage = started.enter_context(S3Server())
        disk = started.enter_context(_small_disk(home / "disk"))
        postgres = None
        if database == "postgresql":
            postgres = PostgresServer()
            started.callback(postgres.close)
        clock = home / "clock"
        clock.write_text("+0")
        place = disk or home
        settings = {
            "DATABASE__URL": postgres.database()
            if postgres
            else f"sqlite+aiosqlite:///{place}/likeness.db",
            "BLOBS__URL": f"s3://{BUCKET}",
            "BUNDLE": str(home / "bundle"),
            "TRITON__URL": f"127.0.0.1:{front.port}",
            "TRITON__HEARTBEAT_SECONDS": "0.5",
            "JOBS__WORK_DIR": str(place / "jobs"),
            "JOBS__MAX_FAILURES": "1000",
            "CALLS__DEFAULT_SECONDS": str(LIMIT_SECONDS),
            "GENERATION__TIMEOUT_SECONDS": str(LIMIT_SECONDS),
            **scripted("succeed", model=bundle.base_model_digest),
        }
        variables = {**storage.environment, **_jumping_clock(clock)}
        gateway = Gateway(home, settings, variables=variables)
        gateway.start()
        started.callback(_end, gateway)
        yield Stack(gateway, triton, front, storage, clock, disk, postgres)


def _end(gateway: Gateway) -> None:
    if gateway.process is not None and gateway.process.poll() is None:
        gateway.kill()


@contextmanager
def _small_disk(place: Path) -> Iterator[Path | None]:
    place.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", f"size={DISK_MIB}m", "tmpfs", str(place)]
    if subprocess.run(command, check=False, capture_output=True).returncode:
        yield None
        return
    try:
        yield place
    finally:
        subprocess.run(["umount", "--lazy", str(place)], check=True)


def _jumping_clock(clock: Path) -> dict[str, str]:
    """Variables under which a process takes its wall clock's offset from a file."""
    spec = importlib.util.find_spec("libfaketime")
    assert spec is not None
    assert spec.submodule_search_locations is not None
    library = Path(spec.submodule_search_locations[0]) / "vendor/libfaketime/src/libfaketime.so.1"
    return {
        "LD_PRELOAD": str(library),
        "FAKETIME_TIMESTAMP_FILE": str(clock),
        "FAKETIME_CACHE_DURATION": "1",
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",
    }


@contextmanager
def _front(home: Path, triton_port: int) -> Iterator[Front]:
    port, admin_port = free_ports(2)
    configuration = home / "front.json"
    configuration.write_text(json.dumps(_configuration(port, admin_port, triton_port)))
    with envoy(configuration):
        yield Front(port, admin_port)


def _configuration(port: int, admin_port: int, triton_port: int) -> dict[str, object]:
    types = "type.googleapis.com/envoy.extensions"
    http = f"{types}.filters.http"
    none = {"numerator": 0}
    fault = {
        "@type": f"{http}.fault.v3.HTTPFault",
        "abort": {"grpc_status": 14, "percentage": none},
        "delay": {"fixed_delay": "1s", "percentage": none},
    }
    manager = {
        "@type": f"{types}.filters.network.http_connection_manager.v3.HttpConnectionManager",
        "stat_prefix": "triton",
        "codec_type": "HTTP2",
        "stream_idle_timeout": "0s",
        "route_config": {
            "virtual_hosts": [
                {
                    "name": "triton",
                    "domains": ["*"],
                    "routes": [
                        {"match": {"prefix": "/"}, "route": {"cluster": "triton", "timeout": "0s"}}
                    ],
                }
            ]
        },
        "http_filters": [
            {"name": "fault", "typed_config": fault},
            {"name": "router", "typed_config": {"@type": f"{http}.router.v3.Router"}},
        ],
    }
    protocol = {
        "@type": f"{types}.upstreams.http.v3.HttpProtocolOptions",
        "explicit_http_config": {"http2_protocol_options": {}},
    }
    return {
        "admin": {"address": _address(admin_port)},
        "layered_runtime": {"layers": [{"name": "admin", "admin_layer": {}}]},
        "static_resources": {
            "listeners": [
                {
                    "name": "triton",
                    "address": _address(port),
                    "filter_chains": [{"filters": [{"name": "http", "typed_config": manager}]}],
                }
            ],
            "clusters": [
                {
                    "name": "triton",
                    "connect_timeout": "1s",
                    "typed_extension_protocol_options": {
                        "envoy.extensions.upstreams.http.v3.HttpProtocolOptions": protocol
                    },
                    "load_assignment": {
                        "cluster_name": "triton",
                        "endpoints": [
                            {
                                "lb_endpoints": [
                                    {"endpoint": {"address": _address(triton_port)}},
                                ]
                            }
                        ],
                    },
                }
            ],
        },
    }


def _address(port: int) -> dict[str, object]:
    return {"socket_address": {"address": "127.0.0.1", "port_value": port}}
