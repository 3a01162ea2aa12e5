"""What a gateway makes sure of before it starts: its work and its port are nobody else's."""

import errno
import fcntl
import socket
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


class GatewayDownError(RuntimeError):
    """The gateway can't start or go on; the message says why."""


@contextmanager
def only_gateway(work_dir: Path) -> Iterator[str]:
    """Holds the working directory, until the process is gone at the latest.

    The name that it yields is the directory's: a gateway that starts again bears it again.

    Raises:
        GatewayDownError: another gateway holds it.
    """
    work_dir.mkdir(parents=True, exist_ok=True)
    with (work_dir / "gateway.lock").open("a+") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise GatewayDownError(f"another gateway works in {work_dir}") from error
        lock.seek(0)
        if not (name := lock.read()):
            name = str(uuid.uuid4())
            lock.write(name)
            lock.flush()
        yield name


def is_taken(address: str) -> bool:
    """Whether somebody listens on a port, be he ready to share it or not."""
    host, _, port = address.rpartition(":")
    found = socket.getaddrinfo(host.strip("[]"), int(port), type=socket.SOCK_STREAM)
    for family, kind, protocol, _, place in found:
        with socket.socket(family, kind, protocol) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(place)
            except OSError as error:
                if error.errno == errno.EADDRINUSE:
                    return True
    return False
