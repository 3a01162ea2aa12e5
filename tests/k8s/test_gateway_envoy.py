"""A real Envoy with the chart's configuration, before a server on loopback."""

import base64
import json
import ssl
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc
import pytest
import trustme
import yaml
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from prometheus_client import CollectorRegistry, start_http_server

from likeness.v1 import identity_service_pb2 as pb
from service.auth.authenticator import FORWARDED
from service.auth.certificates import forwarded_names
from tests.k8s.conftest import of_kind, render
from tests.support.envoy import STANDALONE, envoy
from tests.support.ports import free_ports

PORTS = (8443, 8081, 9464, 50051, 9465)
SERVING = health_pb2.HealthCheckResponse.SERVING
STUDIO = "https://studio.example"
LARGE = 8 * 2**20


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

    def get(self, path: str, caller: trustme.LeafCert | None, headers: dict[str, str]) -> Any:
        """An answer by HTTP/1.1 from the listener for callers."""
        context = ssl.create_default_context()
        self.authority.configure_trust(context)
        if caller is not None:
            caller.configure_cert(context)
        url = f"https://localhost:{self.ports[8443]}{path}"
        request = urllib.request.Request(url, headers=headers)
        return urllib.request.urlopen(request, timeout=20, context=context)


def _names(_request: bytes, context: grpc.ServicerContext) -> bytes:
    """The caller's names and credential as the gateway reads them."""
    metadata = [(key, str(value)) for key, value in context.invocation_metadata()]
    names = forwarded_names([value for key, value in metadata if key == FORWARDED])
    names += [value for key, value in metadata if key == "authorization"]
    return pb.ListIdentitiesResponse(next_page_token=",".join(names)).SerializeToString()


def _large(_request: bytes, _context: grpc.ServicerContext) -> bytes:
    identity = pb.Identity(class_noun="x" * LARGE)
    return pb.GetIdentityResponse(identity=identity).SerializeToString()


@pytest.fixture(scope="module")
def start(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., Front]]:
    """Starts a server, and before it an Envoy with these values of the chart."""
    with ExitStack() as stack:

        def started(*settings: str) -> Front:
            return stack.enter_context(_front(tmp_path_factory.mktemp("envoy"), settings))

        yield started


@contextmanager
def _front(folder: Path, settings: tuple[str, ...]) -> Iterator[Front]:
    ports = dict(zip(PORTS, free_ports(len(PORTS)), strict=True))
    authority = trustme.CA()
    certificate = authority.issue_cert("localhost")
    certificate.private_key_pem.write_to_path(folder / "tls.key")
    certificate.cert_chain_pems[0].write_to_path(folder / "tls.crt")
    authority.cert_pem.write_to_path(folder / "ca.crt")
    files = of_kind(render("values-production", *settings), "ConfigMap", "test-envoy")
    for name, content in files["binaryData"].items():
        (folder / name).write_bytes(base64.b64decode(content))
    for name, text in files["data"].items():
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
    handlers = grpc.method_handlers_generic_handler(
        "likeness.v1.IdentityService",
        {
            "ListIdentities": grpc.unary_unary_rpc_method_handler(_names),
            "GetIdentity": grpc.unary_unary_rpc_method_handler(_large),
        },
    )
    server.add_generic_rpc_handlers([handlers])
    server.add_insecure_port(f"127.0.0.1:{ports[50051]}")
    server.start()
    metrics, _ = start_http_server(ports[9465], "127.0.0.1", CollectorRegistry())
    try:
        with envoy(folder / "envoy.yaml"):
            yield Front(ports, authority)
    finally:
        metrics.shutdown()
        server.stop(None).wait()


@pytest.fixture(scope="module")
def front(start: Callable[..., Front]) -> Front:
    return start(f'gateway.web.origins=["{STUDIO}"]')


def test_a_caller_with_a_certificate_is_let_through(front: Front) -> None:
    assert front.ask(front.secure(front.authority.issue_cert("caller"))) == SERVING


def test_the_gateway_learns_a_callers_names_and_nobody_can_invent_them(front: Front) -> None:
    caller = front.authority.issue_cert("red.example", common_name="red, of example")
    with front.secure(caller) as channel:
        answer = channel.unary_unary("/likeness.v1.IdentityService/ListIdentities")(
            b"", timeout=20, wait_for_ready=True, metadata=((FORWARDED, "DNS=blue.example"),)
        )
    names = pb.ListIdentitiesResponse.FromString(answer).next_page_token
    assert names == "red.example,red, of example"
    told = front.get("/v1/identities", caller, {FORWARDED: "DNS=blue.example"})
    assert json.load(told)["nextPageToken"] == names


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


def test_an_answer_may_be_larger_than_envoys_buffers(front: Front) -> None:
    front.ask(front.secure(caller := front.authority.issue_cert("caller")))  # Envoy listens
    answer = front.get("/v1/identities/large", caller, {})
    assert len(json.load(answer)["identity"]["classNoun"]) == LARGE


def test_only_pages_of_the_named_origins_may_call(front: Front) -> None:
    front.ask(front.secure(caller := front.authority.issue_cert("caller")))  # Envoy listens
    for origin, allowed in ((STUDIO, STUDIO), ("https://other.example", None)):
        answer = front.get("/v1/identities", caller, {"origin": origin})
        assert answer.headers["access-control-allow-origin"] == allowed


def test_a_credential_may_stand_in_for_a_certificate(start: Callable[..., Front]) -> None:
    front = start("gateway.tls.requireCertificate=false")
    assert front.ask(front.secure(None)) == SERVING
    shown = {"authorization": "Bearer lk_1", FORWARDED: "DNS=blue.example"}
    answer = front.get("/v1/identities", None, shown)
    assert json.load(answer)["nextPageToken"] == "Bearer lk_1"
    assert front.ask(front.secure(front.authority.issue_cert("caller"))) == SERVING
    with pytest.raises(grpc.RpcError):
        front.ask(front.secure(trustme.CA().issue_cert("stranger")), seconds=2)


def test_the_stand_alone_configuration_has_the_charts_filters_and_limits() -> None:
    rendered = render("values-production", f'gateway.web.origins=["{STUDIO}"]')
    chart = yaml.safe_load(of_kind(rendered, "ConfigMap", "test-envoy")["data"]["envoy.yaml"])
    alone = yaml.safe_load(STANDALONE.read_text())
    connections = [_connections(each) for each in (chart, alone)]
    filters = [each["http_filters"] for each in connections]
    for each in filters:
        del each[3]["typed_config"]["proto_descriptor"]
    assert filters[0] == filters[1]
    routes = [each["route_config"]["virtual_hosts"][0]["routes"] for each in connections]
    assert routes[0] == routes[1]
    policies = [_policy(each) for each in connections]
    assert policies[0].pop("allow_origin_string_match") == [{"exact": STUDIO}]
    assert policies[1].pop("allow_origin_string_match")
    assert policies[0] == policies[1]
    assert chart["static_resources"]["clusters"][0] == alone["static_resources"]["clusters"][0]


def _connections(configuration: Any) -> Any:
    chain = configuration["static_resources"]["listeners"][0]["filter_chains"][0]
    return chain["filters"][0]["typed_config"]


def _policy(connections: Any) -> Any:
    host = connections["route_config"]["virtual_hosts"][0]
    return host["typed_per_filter_config"]["envoy.filters.http.cors"]
