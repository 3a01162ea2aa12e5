"""A server on loopback, in threads of the test's own process."""

import socketserver
import threading
from typing import Self

ANY_PORT = ("127.0.0.1", 0)


class LoopbackServer:
    """Serves for as long as a ``with`` block lasts.

    Args:
        server: bound to :data:`ANY_PORT`.

    Attributes:
        port: where it listens.
    """

    def __init__(self, server: socketserver.TCPServer) -> None:
        self._server = server
        self.port: int = server.server_address[1]

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
