"""What a caller's tenant may use, checked before it is used.

Calls are counted in the database, but not one by one: a gateway takes a tenth of a second's worth
at a time, and spends it by itself. So a call costs a tenant of a high rate a fraction of a
transaction, and a tenant over its limit costs the database nothing until it may call again.
"""

import asyncio
import math
import time
import uuid
from collections import defaultdict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import structlog

from service.errors import QuotaExceededError, UnavailableError
from service.logs import fault
from service.store import Limits, QuotaStore, now

log = structlog.get_logger()

PORTION_SECONDS = 0.1
"""A gateway takes calls for so long in advance; what it has not spent a second later is lost."""
REMEMBERED_SECONDS = 5.0
"""Limits that an operator changes hold so much later."""
GENERATION_RETRY_SECONDS = 1.0


@dataclass
class _Tenant:
    """What this gateway holds of a tenant. Times are of the monotonic clock."""

    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    limits: Limits = field(default_factory=Limits)
    limits_until: float = 0.0
    calls: float = 0.0
    calls_until: float = 0.0
    refused_until: float = 0.0


class Quotas:
    """Lets calls and drawings through, as many as their tenant may make."""

    def __init__(self, store: QuotaStore) -> None:
        self._store = store
        self._tenants: defaultdict[str, _Tenant] = defaultdict(_Tenant)

    async def admit(self, tenant: str) -> None:
        """Counts a call. Raises :class:`QuotaExceededError`, :class:`UnavailableError`."""
        held = self._tenants[tenant]
        async with held.lock:
            rate = (await self._limits(tenant, held)).requests_per_second
            if rate is None:
                return
            present = time.monotonic()
            if present < held.refused_until:
                raise _too_many(tenant, rate, held.refused_until - present)
            if held.calls < 1 or present > held.calls_until:
                most = max(1, math.floor(rate * PORTION_SECONDS))
                held.calls = await self._store.take(tenant, rate, most)
                held.calls_until = present + 10 * PORTION_SECONDS
                if held.calls < 1:
                    seconds = (1 - held.calls) / rate
                    held.calls, held.refused_until = 0.0, present + seconds
                    raise _too_many(tenant, rate, seconds)
            held.calls -= 1

    @asynccontextmanager
    async def generation(self, tenant: str, seconds: float) -> AsyncIterator[None]:
        """Holds one of a tenant's places for drawings.

        Args:
            seconds: that the drawing may take.

        Raises:
            QuotaExceededError, UnavailableError: there is no place; it can't be found out.
        """
        held = self._tenants[tenant]
        async with held.lock:
            limit = (await self._limits(tenant, held)).generations
        if limit is None:
            yield
            return
        uid, deadline = str(uuid.uuid4()), now() + round(seconds * 1e6)
        if not await self._store.begin_generation(tenant, uid, limit, deadline):
            raise QuotaExceededError(tenant, "generations", limit, GENERATION_RETRY_SECONDS)
        try:
            yield
        finally:
            await asyncio.shield(asyncio.create_task(self._end(uid)))

    async def _end(self, uid: str) -> None:
        try:
            await self._store.end_generation(uid)
        except UnavailableError as error:
            log.warning("generation_place_kept", **fault(error))  # until its deadline

    async def _limits(self, tenant: str, held: _Tenant) -> Limits:
        if (present := time.monotonic()) > held.limits_until:
            try:
                held.limits = await self._store.limits(tenant)
            except UnavailableError:
                if not held.limits_until:
                    raise
            held.limits_until = present + REMEMBERED_SECONDS
        return held.limits


def _too_many(tenant: str, rate: float, seconds: float) -> QuotaExceededError:
    return QuotaExceededError(tenant, "requests_per_second", rate, seconds)
