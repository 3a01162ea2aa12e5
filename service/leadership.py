"""Several gateways on one database: exactly one dispatches at a time."""

import asyncio
from collections.abc import Awaitable, Callable

import structlog

from service.errors import UnavailableError
from service.metrics import Metrics
from service.store import LeadershipStore, NotLeaderError, Reign

log = structlog.get_logger()

BEAT_SECONDS = 1.0
"""Pause between two signs of life of the leader, and between two looks of the others."""
SILENCE_SECONDS = 5.0
"""A leader that was silent for so long is taken for dead."""


async def led(store: LeadershipStore) -> bool:
    """Whether some gateway shows, before it would be taken for dead, that it lives and leads."""
    clock = asyncio.get_running_loop().time
    seen, until = await store.reign(), clock() + SILENCE_SECONDS
    while clock() < until:
        await asyncio.sleep(BEAT_SECONDS)
        reign = await store.reign()
        if reign.holder and reign != seen:
            return True
    return False


class Leadership:
    """Follows while another gateway leads, leads when that one is gone.

    Args:
        store: where all gateways meet.
        holder: this gateway's name. One that starts under the name of the last leader is its
            successor on the same working directory, and need not wait for a sign of life.
    """

    def __init__(self, store: LeadershipStore, holder: str, metrics: Metrics) -> None:
        self._store, self._holder, self._metrics = store, holder, metrics

    async def run(self, lead: Callable[[int], Awaitable[None]]) -> None:
        """Calls ``lead(term)`` whenever a term begins and cancels it when the term is over.

        Until cancelled; then it ends ``lead`` and resigns.
        """
        while True:
            term = await self._win()
            self._metrics.leading.set(1)
            try:
                await self._reign(term, lead)
            except NotLeaderError:
                log.warning("overtaken", term=term)
            finally:
                self._metrics.leading.set(0)

    async def _win(self) -> int:
        """Waits for a term of its own."""
        clock = asyncio.get_running_loop().time
        last: Reign | None = None
        since = clock()
        while True:
            try:
                seen = await self._store.reign()
                if seen != last:
                    last, since = seen, clock()
                vacant = seen.holder in ("", self._holder) or clock() - since >= SILENCE_SECONDS
                if vacant and (term := await self._store.take(seen, self._holder)) is not None:
                    return term
            except UnavailableError:
                last = None  # the leader had no chance to show that it lives
            await asyncio.sleep(BEAT_SECONDS)

    async def _reign(self, term: int, lead: Callable[[int], Awaitable[None]]) -> None:
        """Leads until the term is over. Raises :class:`NotLeaderError`, or what ``lead`` raises."""
        tasks = [asyncio.ensure_future(lead(term)), asyncio.create_task(self._beat(term))]
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()
            ended = await asyncio.gather(*tasks, return_exceptions=True)
            await self._resign(term)
        for outcome in ended:
            if isinstance(outcome, Exception):
                raise outcome

    async def _beat(self, term: int) -> None:
        """Shows that this gateway lives.

        While the database is away nobody else can take over either, so the work goes on.
        """
        while True:
            await asyncio.sleep(BEAT_SECONDS)
            try:
                if not await self._store.beat(term):
                    raise NotLeaderError
            except UnavailableError:
                log.warning("beat_missed", term=term)

    async def _resign(self, term: int) -> None:
        try:
            await self._store.resign(term)
        except UnavailableError:
            log.warning("resignation_missed", term=term)
