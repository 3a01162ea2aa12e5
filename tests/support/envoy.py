"""A real Envoy, and what browsers and shells do with it: JSON, and gRPC in HTTP/1.1."""

import http.client
import json
import shutil
import struct
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import grpc
from google.protobuf.message import Message

STANDALONE = Path("deploy/envoy.yaml")
OPTIONS = ("--concurrency", "1", "--log-level", "warning", "--disable-hot-restart")
TRAILERS = 0x80

M = TypeVar("M", bound=Message)


@contextmanager
def envoy(configuration: Path) -> Iterator[None]:
    """An Envoy with this configuration; it listens soon."""
    command = shutil.which("envoy", path=str(Path(sys.executable).parent))
    assert command
    process = subprocess.Popen([command, "-c", str(configuration), *OPTIONS])
    try:
        yield
    finally:
        process.terminate()
        process.wait(20)


@dataclass(frozen=True)
class Answer:
    """What came back."""

    status: int
    headers: http.client.HTTPMessage
    body: bytes

    @property
    def json(self) -> Any:
        assert self.headers["content-type"] == "application/json", self.body
        return json.loads(self.body)


@dataclass(frozen=True)
class Web:
    """A caller of the Envoy at a port of this machine."""

    port: int

    @contextmanager
    def opened(
        self, method: str, path: str, body: bytes = b"", **headers: str
    ) -> Iterator[http.client.HTTPResponse]:
        """An answer that is still coming."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        try:
            named = {name.replace("_", "-"): value for name, value in headers.items()}
            connection.request(method, path, body, named)
            yield connection.getresponse()
        finally:
            connection.close()

    def ask(self, method: str, path: str, body: bytes = b"", **headers: str) -> Answer:
        """The whole answer."""
        with self.opened(method, path, body, **headers) as answer:
            return Answer(answer.status, answer.headers, answer.read())

    def get(self, path: str) -> Answer:
        return self.ask("GET", path)

    def post(self, path: str, message: Any) -> Answer:
        body = json.dumps(message).encode()
        return self.ask("POST", path, body, content_type="application/json")

    def grpc_web(
        self, method: str, request: Message, answer: type[M]
    ) -> tuple[list[M], dict[str, str]]:
        """Messages and trailers of a call by grpc-web, whose trailers are the body's last frame:
        https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-WEB.md
        """
        data = request.SerializeToString()
        body = struct.pack(">BI", 0, len(data)) + data
        called = self.ask("POST", f"/{method}", body, content_type="application/grpc-web+proto")
        assert called.status == 200
        messages, trailers = [], dict(called.headers.items())
        for flags, frame in _frames(called.body):
            if flags & TRAILERS:
                lines = frame.decode().splitlines()
                trailers |= dict(line.split(":", 1) for line in lines)
            else:
                messages.append(answer.FromString(frame))
        return messages, trailers


def _frames(body: bytes) -> Iterator[tuple[int, bytes]]:
    while body:
        flags, size = struct.unpack(">BI", body[:5])
        yield flags, body[5 : 5 + size]
        body = body[5 + size :]


@contextmanager
def standalone(home: Path, port: int, gateway_port: int) -> Iterator[Web]:
    """Envoy with the configuration of `make web`, listening at `port`."""
    text = STANDALONE.read_text().replace("port_value: 8080", f"port_value: {port}")
    configuration = home / "envoy.yaml"
    configuration.write_text(text.replace("port_value: 50051", f"port_value: {gateway_port}"))
    with envoy(configuration), grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
        grpc.channel_ready_future(channel).result(20)
        yield Web(port)
