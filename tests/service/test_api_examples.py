"""The examples of docs/api.md against real servers, as they are printed but for addresses."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import grpc
import numpy as np
import pytest
import tree_sitter_go
import trustme
from PIL import Image
from tree_sitter import Language, Parser, Query, QueryCursor

from likeness.v1 import generation_service_pb2, identity_service_pb2, identity_service_pb2_grpc
from tests.service.gateway import Gateway, encode, running, scripted
from tests.service.test_authentication import write_certificate
from tests.support.envoy import standalone
from tests.support.ports import free_ports

EXAMPLES = re.findall(r"^```(\w+)\n(.*?)^```", Path("docs/api.md").read_text(), re.M | re.S)
PLAIN, ENVOY, TLS = "localhost:50051", "localhost:8080", "gateway.example:443"
DESCRIPTORS = Path("k8s/likeness/files/api.binpb").absolute()
NODE = Path("tests/typescript").absolute()
API = (generation_service_pb2.DESCRIPTOR, identity_service_pb2.DESCRIPTOR)
GO = Language(tree_sitter_go.language())
GO_NAMES = Query(
    GO,
    """
    (composite_literal
      type: (qualified_type name: (type_identifier) @owner)
      body: (literal_value (keyed_element key: (literal_element (identifier) @member))))
    (call_expression function: (selector_expression
      operand: (call_expression function: (selector_expression field: (field_identifier) @owner))
      field: (field_identifier) @member))
    """,
)


def example(language: str, mark: str) -> str:
    """The one example in this language that contains the mark."""
    (found,) = (text for each, text in EXAMPLES if each == language and mark in text)
    return found


@dataclass(frozen=True)
class Desk:
    """A folder in which somebody tries the examples.

    Attributes:
        addresses: real ones, by those on the page.
        key: an API key.
    """

    folder: Path
    addresses: dict[str, str]
    key: str = ""

    def shell(self, mark: str) -> str:
        return self._run("bash", "-eu", "-c", self._here("sh", mark))

    def python(self, mark: str) -> str:
        return self._run(sys.executable, "-c", self._here("python", mark))

    def typescript(self, mark: str) -> str:
        self.compile_typescript(mark)
        return self._run("node", "example.ts")

    def compile_typescript(self, mark: str) -> None:
        """Writes ``example.ts`` and checks its types."""
        if not (self.folder / "gen").exists():
            self._prepare_typescript()
        (self.folder / "example.ts").write_text(self._here("ts", mark))
        options = ["--strict", "--module", "nodenext", "--target", "es2022", "--types", "node"]
        self._run("node_modules/.bin/tsc", "--noEmit", *options, "example.ts")

    def _prepare_typescript(self) -> None:
        """The packages and the API's code that the page asks for."""
        packages = NODE / "node_modules"
        assert packages.exists(), "there are none yet: .venv/bin/npm ci --prefix tests/typescript"
        (self.folder / "node_modules").symlink_to(packages)
        shutil.copy(NODE / "package.json", self.folder)
        (self.folder / "buf.gen.yaml").write_text(example("yaml", "protoc-gen-es"))
        self._run("buf", "generate", str(DESCRIPTORS))

    def _here(self, language: str, mark: str) -> str:
        text = example(language, mark)
        for printed, real in self.addresses.items():
            text = text.replace(printed, real)
        return text

    def _run(self, *command: str) -> str:
        """What a command prints. It must succeed."""
        path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
        done = subprocess.run(
            command,
            cwd=self.folder,
            env={**os.environ, "PATH": path, "LIKENESS_API_KEY": self.key},
            capture_output=True,
            text=True,
            timeout=120,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout


@pytest.fixture(scope="module")
def desk(studio: Gateway, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    """At a gateway with Triton, and an Envoy."""
    folder = tmp_path_factory.mktemp("desk")
    noise = np.random.default_rng(0).integers(0, 255, (500, 500, 3), np.uint8)
    photo = encode(Image.fromarray(noise), "JPEG")
    assert len(photo) > 100_000  # in base64 it is more than an argument of a command may be
    (folder / "photo.jpg").write_bytes(photo)
    (port,) = free_ports(1)
    with standalone(tmp_path_factory.mktemp("envoy"), port, studio.port):
        yield Desk(folder, {PLAIN: f"localhost:{studio.port}", ENVOY: f"localhost:{port}"})


@pytest.fixture(scope="module")
def grpcurl(desk: Desk) -> str:
    """What grpcurl's example prints; those in other languages draw the identity that it learns."""
    return desk.shell("grpcurl -plaintext")


def drawn(desk: Desk, name: str) -> bool:
    """Whether an example has drawn a picture. It is taken away, for the next one to draw."""
    with Image.open(desk.folder / name) as picture:
        picture.load()
    (desk.folder / name).unlink()
    return picture.format == "PNG"


def test_grpcurl(desk: Desk, grpcurl: str) -> None:
    assert "likeness.v1.ProvenanceService" in grpcurl
    assert '"state": "STATE_READY"' in grpcurl
    assert drawn(desk, "ann.png")


@pytest.mark.usefixtures("grpcurl")
def test_python(desk: Desk) -> None:
    desk.python("insecure_channel")
    assert drawn(desk, "ann.png")


@pytest.mark.usefixtures("grpcurl")
def test_typescript(desk: Desk) -> None:
    assert "50 of 50\n" in desk.typescript("client.streamGenerate")
    assert drawn(desk, "ann.png")


def test_json(desk: Desk) -> None:
    printed = desk.shell("curl --silent")
    assert '{"name":"identities/ben","state":"STATE_READY"}' in printed
    assert drawn(desk, "ben.png")


def test_a_page_is_compiled(desk: Desk) -> None:
    """No browser opens it."""
    desk.compile_typescript("createGrpcWebTransport")


@pytest.fixture(scope="module")
def far_desk(
    light_bundle: Path, photo: bytes, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Desk]:
    """At a gateway that speaks TLS and asks for an API key. There is an identity of that tenant."""
    home, folder = tmp_path_factory.mktemp("gateway"), tmp_path_factory.mktemp("far-desk")
    authority = trustme.CA()
    write_certificate(home, authority)
    authority.cert_pem.write_to_path(folder / "ca.crt")
    settings = {
        "TLS__CERTIFICATE": str(home / "tls.crt"),
        "TLS__KEY": str(home / "tls.key"),
        "AUTH__API_KEYS": "true",
        "BUNDLE": str(light_bundle),
        **scripted("succeed"),
    }
    trust = grpc.ssl_channel_credentials(authority.cert_pem.bytes())
    for gateway in running(Gateway(home, settings, trust)):
        command = [sys.executable, "-m", "service.admin", "keys", "create", "red"]
        made = subprocess.run(
            command, env=gateway.environment(), stdout=subprocess.PIPE, check=True
        )
        key = made.stdout.decode().strip()
        shown = grpc.composite_channel_credentials(trust, grpc.access_token_call_credentials(key))
        with grpc.secure_channel(gateway.name, shown) as channel:
            request = identity_service_pb2.TrainIdentityRequest(identity_id="eve", image=photo)
            identity_service_pb2_grpc.IdentityServiceStub(channel).TrainIdentity(request)
        yield Desk(folder, {TLS: gateway.name}, key)


def test_grpcurl_with_tls_and_a_key(far_desk: Desk) -> None:
    assert '"name": "identities/eve"' in far_desk.shell("grpcurl -cacert")


def test_python_with_tls_and_a_key(far_desk: Desk) -> None:
    assert 'name: "identities/eve"' in far_desk.python('secure_channel("gateway')


def test_typescript_with_tls_and_a_key(far_desk: Desk) -> None:
    assert "identities/eve" in far_desk.typescript("listIdentities")


@pytest.mark.parametrize("mark", ["insecure", "NewClientTLSFromFile"])
def test_go_is_parsed(mark: str) -> None:
    """It is neither compiled nor run, since Go's modules are not at hand. Its syntax is checked,
    and that the API has the fields which it sets and the method which it calls.
    """
    tree = Parser(GO).parse(example("go", mark).encode())
    assert not tree.root_node.has_error
    used = {
        (names["owner"][0].text.decode(), names["member"][0].text.decode())
        for _, names in QueryCursor(GO_NAMES).matches(tree.root_node)
    }
    known = {
        (message.name, "".join(map(str.capitalize, field.name.split("_"))))
        for file in API
        for message in file.message_types_by_name.values()
        for field in message.fields
    } | {
        (f"New{service.name}Client", method.name)
        for file in API
        for service in file.services_by_name.values()
        for method in service.methods
    }
    assert used
    assert used <= known
