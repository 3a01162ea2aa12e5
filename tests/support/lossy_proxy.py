"""A way to PostgreSQL on which answers to COMMIT get lost, in threads of the test's own process."""

import socket
import socketserver
import threading
from contextlib import suppress

from sqlalchemy.engine import make_url

from tests.support.loopback_server import ANY_PORT, LoopbackServer

CHUNK = 65536


class LossyProxy(LoopbackServer):
    """Relays for as long as a ``with`` block lasts.

    Args:
        url: of the database.
        words: of statements. A connection that is the first to bear one of them is cut when its
            transaction is committed, before the client hears of it.

    Attributes:
        url: of the database by this way.
        cuts: how often that has happened.
    """

    def __init__(self, url: str, *words: bytes) -> None:
        database = make_url(url)
        assert database.host is not None
        assert database.port is not None
        self._target, self._words = (database.host, database.port), set(words)
        self.cuts = 0
        proxy = self

        class Connection(socketserver.BaseRequestHandler):
            def handle(self) -> None:
                proxy.relay(self.request)

        server = socketserver.ThreadingTCPServer(ANY_PORT, Connection)
        server.daemon_threads = True
        super().__init__(server)
        self.url = database.set(port=self.port).render_as_string(hide_password=False)

    def relay(self, client: socket.socket) -> None:
        """One connection, until either side ends it."""
        committed = threading.Event()
        with socket.create_connection(self._target) as server:
            arguments = (client, server, committed)
            threading.Thread(target=self._request, args=arguments, daemon=True).start()
            while data := server.recv(CHUNK):
                if committed.is_set():
                    self.cuts += 1
                    return
                client.sendall(data)

    def _request(
        self, client: socket.socket, server: socket.socket, committed: threading.Event
    ) -> None:
        meant = False
        with suppress(OSError):  # it was cut
            while data := client.recv(CHUNK):
                met = {words for words in self._words if words in data}
                self._words -= met
                meant = meant or bool(met)
                if meant and b"COMMIT" in data:
                    committed.set()
                server.sendall(data)
            server.shutdown(socket.SHUT_WR)
