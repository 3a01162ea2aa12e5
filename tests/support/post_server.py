"""A server on loopback that takes what others deliver by HTTP."""

from abc import ABC, abstractmethod
from email.message import Message

from tests.support.http_server import HttpServer, QuietHandler


class PostServer(HttpServer, ABC):
    """Takes POST requests."""

    def __init__(self) -> None:
        take = self.take

        class Handler(QuietHandler):
            def do_POST(self) -> None:
                take(self.headers, self.body())
                self.send_response(200)
                self.send_header("Content-Length", "0")
                self.end_headers()

        super().__init__(Handler)

    @abstractmethod
    def take(self, headers: Message, body: bytes) -> None:
        """Takes one request, in a thread of its own."""
