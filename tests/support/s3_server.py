"""An object store on loopback that speaks as much of S3 as the gateway needs, and can misbehave."""

import http.server
import re
import time
from collections.abc import Callable
from email.utils import formatdate
from urllib.parse import parse_qs, unquote, urlsplit
from xml.sax.saxutils import escape, unescape

from tests.support.http_server import HttpServer, QuietHandler

BUCKET = "likeness"
FINE = 0


class S3Server(HttpServer):
    """One bucket, in memory.

    Attributes:
        blobs: what is stored, with the time of its writing.
        delay: seconds that every request takes.
        refusal: by method, the HTTP status that a request gets instead of an answer; 0: none.
    """

    def __init__(self) -> None:
        self.blobs: dict[str, tuple[bytes, float]] = {}
        self.delay = 0.0
        self.refusal: Callable[[str], int] = lambda method: FINE
        server = self

        class Handler(QuietHandler):
            def do_GET(self) -> None:
                server._answer(self, "GET", b"")

            def do_PUT(self) -> None:
                server._answer(self, "PUT", self.body())

            def do_POST(self) -> None:
                server._answer(self, "DELETE", self.body())

        super().__init__(Handler)

    @property
    def environment(self) -> dict[str, str]:
        """Where a client finds it, as object stores' clients read it."""
        return {
            "AWS_ENDPOINT": f"http://127.0.0.1:{self.port}",
            "AWS_ALLOW_HTTP": "true",
            "AWS_REGION": "local",
            "AWS_ACCESS_KEY_ID": "key",
            "AWS_SECRET_ACCESS_KEY": "secret",
        }

    def _answer(
        self, request: http.server.BaseHTTPRequestHandler, method: str, body: bytes
    ) -> None:
        time.sleep(self.delay)
        url = urlsplit(request.path)
        key = unquote(url.path).removeprefix(f"/{BUCKET}").removeprefix("/")
        status, answer, headers = self.refusal(method), b"", {}
        if status:
            answer = b"<Error><Code>Refused</Code></Error>"
        elif method == "PUT":
            self.blobs[key] = (body, time.time())
            status, headers = 200, {"ETag": '"1"'}
        elif method == "DELETE":
            keys = re.findall(r"<Key>.*?</Key>", body.decode())
            for each in keys:
                self.blobs.pop(unescape(each[5:-6]), None)
            told = "".join(f"<Deleted>{each}</Deleted>" for each in keys)
            status, answer = 200, f"<DeleteResult>{told}</DeleteResult>".encode()
        elif not key:
            status, answer = 200, self._listing(parse_qs(url.query).get("prefix", [""])[0])
        elif (found := self.blobs.get(key)) is None:
            status, answer = 404, b"<Error><Code>NoSuchKey</Code></Error>"
        else:
            status, answer = 200, found[0]
            headers = {"ETag": '"1"', "Last-Modified": formatdate(found[1], usegmt=True)}
        request.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(answer))}.items():
            request.send_header(name, value)
        request.end_headers()
        request.wfile.write(answer)

    def _listing(self, prefix: str) -> bytes:
        entries = "".join(
            f"<Contents><Key>{escape(key)}</Key><Size>{len(data)}</Size><ETag>1</ETag>"
            f"<LastModified>{_iso(written)}</LastModified></Contents>"
            for key, (data, written) in sorted(self.blobs.copy().items())
            if key.startswith(prefix)
        )
        listing = f"<IsTruncated>false</IsTruncated>{entries}"
        return f"<ListBucketResult>{listing}</ListBucketResult>".encode()


def _iso(seconds: float) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%S.000Z", time.gmtime(seconds))
