"""A server on loopback that takes what others deliver by HTTP."""

import http.server
import threading
from abc import ABC, abstractmethod
from email.message import Message
from typing import Self


class PostServer(ABC):
    """Takes POST requests for as long as a ``with`` block lasts.

    Attributes:
        port: where it listens.
    """

    def __init__(self) -> None:
        take = self.take

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                take(self.headers, self.rfile.read(int(self.headers["Content-Length"])))
                self.send_response(200)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.port = self._server.server_address[1]

    @abstractmethod
    def take(self, headers: Message, body: bytes) -> None:
        """Takes one request, in a thread of its own."""

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
