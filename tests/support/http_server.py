"""An HTTP server on loopback, in threads of the test's own process."""

import http.server

from tests.support.loopback_server import ANY_PORT, LoopbackServer


class QuietHandler(http.server.BaseHTTPRequestHandler):
    """Keeps connections, and says nothing of its requests."""

    protocol_version = "HTTP/1.1"

    def body(self) -> bytes:
        """Of the request."""
        return self.rfile.read(int(self.headers["Content-Length"]))

    def log_message(self, *_: object) -> None:
        pass


class HttpServer(LoopbackServer):
    """The same, of HTTP."""

    def __init__(self, handler: type[QuietHandler]) -> None:
        super().__init__(http.server.ThreadingHTTPServer(ANY_PORT, handler))
