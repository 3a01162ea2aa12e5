"""Several processes that serve one port: Python uses one core, a gateway may use all.

The kernel spreads connections among them (SO_REUSEPORT). They meet in the database as gateways on
several machines do: one of them leads, quotas are shared. The parent serves nothing but their
metrics, starts a successor for each that dies, and passes signals on.
"""

import asyncio
import contextlib
import signal
import socket
import sys
import tempfile
from asyncio.subprocess import Process
from pathlib import Path

import structlog
from prometheus_client.multiprocess import mark_process_dead

from service.member import Member
from service.metrics_server import serve
from service.settings import Settings
from service.shared_metrics import shared_registry
from service.startup import GatewayDownError, is_taken, only_gateway

log = structlog.get_logger()

RESTART_SECONDS = 1.0
"""Pause before a dead process's successor."""
END_SECONDS = 15.0
"""How long a process may go on after its last call has ended."""


async def supervise(settings: Settings) -> None:
    """Runs the gateway's processes until SIGTERM or SIGINT, which all of them drain.

    Raises:
        GatewayDownError: none can be started; a process has said why.
    """
    with (
        only_gateway(settings.jobs.work_dir) as name,
        tempfile.TemporaryDirectory(prefix="likeness-metrics-") as metrics,
    ):
        members = [Member(each, name, Path(metrics)) for each in range(settings.processes)]
        parent = _Parent(members)
        try:
            if is_taken(settings.listen):
                raise GatewayDownError(f"can't listen on {settings.listen}: the port is taken")
            close = serve(shared_registry(Path(metrics), parent.pids), settings.metrics_listen)
        except OSError as error:
            addresses = f"{settings.listen} or {settings.metrics_listen}"
            raise GatewayDownError(f"can't listen on {addresses}: is a port taken?") from error
        try:
            await parent.run(settings.drain_seconds + END_SECONDS)
        finally:
            close()


class _Parent:
    """Keeps one process of each member running."""

    def __init__(self, members: list[Member]) -> None:
        self._members = members
        self._running: dict[int, Process] = {}
        self._stop = asyncio.Event()
        self._proven = False
        """Whether any process has ever served: from then on, all are worth another try."""

    def pids(self) -> list[int]:
        """Of those that run."""
        return [process.pid for process in self._running.values()]

    async def run(self, end_seconds: float) -> None:
        """Until told to stop; processes that take longer than ``end_seconds`` then are killed."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._stop.set)
        for number in (signal.SIGUSR1, signal.SIGUSR2):
            loop.add_signal_handler(number, self._send, number)
        keepers = [asyncio.create_task(self._keep(member)) for member in self._members]
        stopped = asyncio.create_task(self._stop.wait())
        await asyncio.wait([stopped, *keepers], return_when=asyncio.FIRST_COMPLETED)
        self._stop.set()
        self._send(signal.SIGTERM)
        _, late = await asyncio.wait(keepers, timeout=end_seconds)
        if late:
            log.error("processes_killed", processes=sorted(self._running))
            self._send(signal.SIGKILL)
        await asyncio.gather(*keepers)

    async def _keep(self, member: Member) -> None:
        """Starts a member's process, and others after it, until all are to stop."""
        while not self._stop.is_set():
            ours, theirs = socket.socketpair()
            with theirs:
                process = await asyncio.create_subprocess_exec(
                    *(sys.executable, "-m", "service", *member.arguments), stdin=theirs.fileno()
                )
            self._running[member.index] = process
            if self._stop.is_set():
                process.terminate()
            reader, writer = await asyncio.open_connection(sock=ours)
            serves = bool(await reader.read(1))
            self._proven |= serves
            if serves:
                log.info("process_serves", process=member.index, pid=process.pid)
            status = await process.wait()
            writer.close()
            del self._running[member.index]
            mark_process_dead(member.index, member.metrics)  # type: ignore[no-untyped-call]
            if self._stop.is_set() and status == 0:
                return
            log.error("process_died", process=member.index, pid=process.pid, status=status)
            if self._stop.is_set():
                return
            if not self._proven:
                raise GatewayDownError("a process could not start; it has said why")
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(RESTART_SECONDS):
                    await self._stop.wait()

    def _send(self, number: signal.Signals) -> None:
        for process in self._running.values():
            with contextlib.suppress(ProcessLookupError):
                process.send_signal(number)
