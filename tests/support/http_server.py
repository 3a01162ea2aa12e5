"""An HTTP server on loopback, in threads of the test's own process."""

import http.server
import threading
from typing import Self


class QuietHandler(http.server.BaseHTTPRequestHandler):
    """Keeps connections, and says nothing of its requests."""

    protocol_version = "HTTP/1.1"

    def body(self) -> bytes:
        """Of the request."""
        return self.rfile.read(int(self.headers["Content-Length"]))

    def log_message(self, *_: object) -> None:
        pass


class HttpServer:
    """Serves for as long as a ``with`` block lasts.

    Attributes:
        port: where it listens.
    """

    def __init__(self, handler: type[QuietHandler]) -> None:
        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self._server.daemon_threads = True
        self.port: int = self._server.server_address[1]

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
