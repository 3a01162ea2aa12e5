"""The audit log of calls that change nothing in the database: what they used, or were refused.

Changes are written down in their own transactions (:mod:`service.store.audit`). Here, entries wait
for a moment and are written together, so that a drawing is not kept waiting for the disk.
"""

import asyncio

import structlog

from service.caller import Act
from service.errors import UnavailableError
from service.store import AuditStore, Entry, now

log = structlog.get_logger()

READS = ("Get", "List", "Wait", "Watch", "Verify", "Generate", "StreamGenerate")
"""Beginnings of methods that are written down if they use an identity. What the service can do
besides is always written down, also if it is refused.
"""
PAUSE_SECONDS = 0.2
RETRY_SECONDS = 1.0
MOST = 100_000
"""Entries that wait while the database is away; of further ones the ordinary log tells."""


class AuditLog:
    """Writes down how calls ended."""

    def __init__(self, store: AuditStore) -> None:
        self._store = store
        self._waiting: list[Entry] = []
        self._news = asyncio.Event()
        self._writing: asyncio.Task[None] | None = None

    def ended(self, act: Act, outcome: str, reason: str) -> None:
        """Takes note of how a call ended, unless its transaction has told that it went well.

        Args:
            outcome: gRPC status.
            reason: one of `error_reason.proto`; empty if all went well.
        """
        if outcome == "OK" and act.written:
            return
        if act.method.startswith(READS) and not act.identity_uids:
            return
        caller = act.caller
        for uid in act.identity_uids or [""]:
            entry = Entry(
                time=now(),
                tenant=caller.tenant,
                subject=caller.subject,
                proof=caller.proof,
                action=act.method,
                identity_uid=uid,
                outcome=outcome,
                reason=reason,
            )
            if len(self._waiting) < MOST:
                self._waiting.append(entry)
            else:
                log.error("audit_lost", tenant=caller.tenant, action=act.method, identity=uid)
        self._news.set()

    async def run(self) -> None:
        """Writes what waits, until cancelled."""
        while True:
            await self._news.wait()
            self._news.clear()
            await asyncio.sleep(PAUSE_SECONDS)
            try:
                await self.flush()
            except UnavailableError:
                self._news.set()
                await asyncio.sleep(RETRY_SECONDS)

    async def flush(self) -> None:
        """Writes what waits. Raises :class:`UnavailableError`; then it waits on.

        Whoever is cancelled here stops no transaction: nobody would know how it ended, and what it
        has written would be written again.
        """
        while self._waiting:
            if self._writing is None or self._writing.done():
                self._writing = asyncio.create_task(self._write(self._waiting[:]))
            await asyncio.shield(self._writing)

    async def _write(self, entries: list[Entry]) -> None:
        await self._store.append(entries)
        del self._waiting[: len(entries)]
