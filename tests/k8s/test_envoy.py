"""A real Envoy with the chart's configuration, before a server on loopback."""

import shutil
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import grpc
import pytest
import trustme
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from prometheus_client import CollectorRegistry, start_http_server

from service.auth.authenticator import FORWARDED
from service.auth.certificates import forwarded_names
from tests.k8s.conftest import of_kind, render
from tests.support.ports import free_ports

PORTS = (8443, 8081, 9464, 50051, 9465)
SERVING = health_pb2.HealthCheckResponse.SERVING


@dataclass(frozen=True)
class Front:
    """Where Envoy listens, and who has signed its certificate and the callers'."""

    ports: dict[int, int]
    authority: trustme.CA

    def ask(self, channel: grpc.Channel, seconds: float = 20) -> int:
        """The health that the server behind Envoy tells."""
        request = health_pb2.HealthCheckRequest()
        with channel:
            answer = health_pb2_grpc.HealthStub(channel).Check(
                request, timeout=seconds, wait_for_ready=True
            )
        return int(answer.status)

    def secure(self, caller: trustme.LeafCert | None) -> grpc.Channel:
        """A channel to the listener for callers; with a certificate, if the caller has one."""
        key = None if caller is None else caller.private_key_pem.bytes()
        chain = None if caller is None else caller.cert_chain_pems[0].bytes()
        root = self.authority.cert_pem.bytes()
        credentials = grpc.ssl_channel_credentials(root, key, chain)
        return grpc.secure_channel(f"localhost:{self.ports[8443]}", credentials)


def _names(_request: bytes, context: grpc.ServicerContext) -> bytes:
    """The caller's names as the gateway reads them."""
    metadata = context.invocation_metadata()
    return ",".join(
        forwarded_names([str(value) for key, value in metadata if key == FORWARDED])
    ).encode()


@pytest.fixture(scope="module")
def front(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Front]:
    folder = tmp_path_factory.mktemp("envoy")
    ports = dict(zip(PORTS, free_ports(len(PORTS)), strict=True))
    authority = trustme.CA()
    certificate = authority.issue_cert("localhost")
    certificate.private_key_pem.write_to_path(folder / "tls.key")
    certificate.cert_chain_pems[0].write_to_path(folder / "tls.crt")
    authority.cert_pem.write_to_path(folder / "ca.crt")
    for name, text in of_kind(render("values-production"), "ConfigMap", "test-envoy")[
        "data"
    ].items():
        placed = text.replace("/etc/envoy/tls", str(folder))
        placed = placed.replace("/etc/envoy/config", str(folder)).replace('"::"', '"127.0.0.1"')
        placed = placed.replace("ipv4_compat: true, ", "")
        for port, free in ports.items():
            placed = placed.replace(f"port_value: {port}", f"port_value: {free}")
        (folder / name).write_text(placed)

    server = grpc.server(ThreadPoolExecutor(2))
    servicer = health.HealthServicer()
    servicer.set("", SERVING)
    health_pb2_grpc.add_HealthServicer_to_server(servicer, server)
    names = grpc.unary_unary_rpc_method_handler(_names)
    server.add_generic_rpc_handlers(
        [grpc.method_handlers_generic_handler("test", {"Names": names})]
    )
    server.add_insecure_port(f"127.0.0.1:{ports[50051]}")
    server.start()
    metrics, _ = start_http_server(ports[9465], "127.0.0.1", CollectorRegistry())

    envoy = shutil.which("envoy", path=str(Path(sys.executable).parent))
    assert envoy
    options = ["--concurrency", "1", "--log-level", "warning", "--disable-hot-restart"]
    process = subprocess.Popen([envoy, "-c", str(folder / "envoy.yaml"), *options])
    yield Front(ports, authority)
    process.terminate()
    process.wait(20)
    metrics.shutdown()
    server.stop(None).wait()


def test_a_caller_with_a_certificate_is_let_through(front: Front) -> None:
    assert front.ask(front.secure(front.authority.issue_cert("caller"))) == SERVING


def test_the_gateway_learns_a_callers_names_and_nobody_can_invent_them(front: Front) -> None:
    caller = front.authority.issue_cert("red.example", common_name="red, of example")
    with front.secure(caller) as channel:
        names = channel.unary_unary("/test/Names")(
            b"", timeout=20, wait_for_ready=True, metadata=((FORWARDED, "DNS=blue.example"),)
        )
    assert names == b"red.example,red, of example"


@pytest.mark.parametrize("stranger", [True, False])
def test_other_callers_are_not(front: Front, stranger: bool) -> None:
    caller = trustme.CA().issue_cert("caller") if stranger else None
    assert front.ask(grpc.insecure_channel(f"localhost:{front.ports[8081]}")) == SERVING
    with pytest.raises(grpc.RpcError):
        front.ask(front.secure(caller), seconds=2)


def test_the_kubelet_sees_nothing_but_health(front: Front) -> None:
    address = f"localhost:{front.ports[8081]}"
    assert front.ask(grpc.insecure_channel(address)) == SERVING
    with grpc.insecure_channel(address) as channel, pytest.raises(grpc.RpcError) as error:
        channel.unary_unary("/likeness.v1.IdentityService/ListIdentities")(b"", timeout=20)
    assert error.value.code() is grpc.StatusCode.UNIMPLEMENTED


def test_prometheus_sees_nothing_but_metrics(front: Front) -> None:
    front.ask(grpc.insecure_channel(f"localhost:{front.ports[8081]}"))  # Envoy listens
    url = f"http://127.0.0.1:{front.ports[9464]}"
    with urllib.request.urlopen(f"{url}/metrics", timeout=20) as answer:
        assert answer.status == 200
    with pytest.raises(urllib.error.HTTPError, match="404"):
        urllib.request.urlopen(f"{url}/", timeout=20)
