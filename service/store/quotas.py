"""What a tenant may use, and what it uses: shared by all gateways through the database.

Whoever counts and then writes holds the tenant's row meanwhile, so that two gateways never both
take the last place.
"""

import math
from dataclasses import asdict, dataclass, fields
from typing import Any

from sqlalchemy import Update, delete, func, insert, or_, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection

from service.errors import QuotaExceededError, ResourceExhaustedError
from service.store.database import Database
from service.store.records import SECOND, UNDER_WAY, IdentityState, OperationState, now
from service.store.tables import generations, identities, operations, tenants

QUEUE_RETRY_SECONDS = 30.0
SKEW = 5 * SECOND
"""How far the clocks of gateways may differ."""


@dataclass(frozen=True)
class Limits:
    """Of a tenant; None: no limit.

    Attributes:
        requests_per_second: calls; a second's worth may come at once.
        generations: drawings at the same time.
        identities: stored, whatever their state.
        image_bytes: of source images of trainings that are not done.
    """

    requests_per_second: float | None = None
    generations: int | None = None
    identities: int | None = None
    image_bytes: int | None = None

    def over(self, defaults: "Limits") -> "Limits":
        """A tenant's own limits, and the defaults where it has none."""
        own = {name: value for name, value in asdict(self).items() if value is not None}
        return Limits(**{**asdict(defaults), **own})


class QuotaStore:
    """The tables ``tenants`` and ``generations``.

    Args:
        defaults: limits of tenants that have none of their own.
    """

    def __init__(self, database: Database, defaults: Limits) -> None:
        self._database, self._defaults = database, defaults

    async def limits(self, tenant: str) -> Limits:
        """What holds for a tenant."""
        async with self._database.read() as connection:
            return await limits_of(connection, tenant, self._defaults)

    async def own_limits(self) -> dict[str, Limits]:
        """The limits of tenants that have some of their own, without the defaults."""
        statement = (
            select(tenants.c.tenant, *_limit_columns())
            .where(or_(*(column.is_not(None) for column in _limit_columns())))
            .order_by(tenants.c.tenant)
        )
        async with self._database.read() as connection:
            rows = await connection.execute(statement)
            return {tenant: Limits(*limits) for tenant, *limits in rows}

    async def set_limits(self, tenant: str, limits: Limits) -> None:
        """Gives a tenant limits of its own; None: the default holds."""
        async with self._database.write() as connection:
            await hold(connection, tenant)
            await connection.execute(_of(tenant).values(**asdict(limits)))

    async def take(self, tenant: str, rate: float, most: int) -> float:
        """Takes up to ``most`` calls out of a tenant's bucket, which fills at ``rate`` a second.

        Returns:
            How many calls may be made now. If less than one: nothing was taken, and so full the
            bucket is.
        """
        async with self._database.write() as connection:
            await hold(connection, tenant)
            statement = select(tenants.c.tokens, tenants.c.refill_time).where(
                tenants.c.tenant == tenant
            )
            tokens, refilled = (await connection.execute(statement)).one()
            capacity, present = max(1.0, rate), now()
            if refilled > present + SKEW:  # written before the clock was set back
                refilled = present
            present = max(refilled, present)
            gained = rate * (present - refilled) / SECOND
            full = capacity if tokens is None else min(capacity, tokens + gained)
            taken = min(math.floor(full), most)
            await connection.execute(_of(tenant).values(tokens=full - taken, refill_time=present))
        return taken or full

    async def begin_generation(self, tenant: str, uid: str, limit: int, deadline: int) -> bool:
        """Takes one of a tenant's places for drawings; False if there is none.

        Args:
            deadline: microseconds since 1970. A gateway that dies leaves the place until then.
        """
        async with self._database.write() as connection:
            await hold(connection, tenant)
            await connection.execute(delete(generations).where(generations.c.deadline <= now()))
            own = select(func.count()).where(generations.c.tenant == tenant)
            if (await connection.scalar(own) or 0) >= limit:
                return False
            row = {"uid": uid, "tenant": tenant, "deadline": deadline}
            await connection.execute(insert(generations).values(row))
            return True

    async def end_generation(self, uid: str) -> None:
        """Frees the place."""
        async with self._database.write() as connection:
            await connection.execute(delete(generations).where(generations.c.uid == uid))


async def check_room(
    connection: AsyncConnection, tenant: str, defaults: Limits, image_bytes: int = 0
) -> None:
    """Makes sure, within the transaction that stores it, that a tenant may have one identity more.

    Raises:
        QuotaExceededError: it has as many as it may, or as many image bytes.
    """
    limits = await limits_of(connection, tenant, defaults)
    if limits.identities is None and limits.image_bytes is None:
        return
    await hold(connection, tenant)
    if limits.identities is not None:
        stored = select(func.count()).where(
            identities.c.tenant == tenant, identities.c.state != IdentityState.DELETING
        )
        if (await connection.scalar(stored) or 0) >= limits.identities:
            raise QuotaExceededError(tenant, "identities", limits.identities)
    if limits.image_bytes is not None and image_bytes:
        held = select(func.coalesce(func.sum(operations.c.image_bytes), 0)).where(
            operations.c.tenant == tenant, operations.c.state.in_(UNDER_WAY)
        )
        if int(await connection.scalar(held) or 0) + image_bytes > limits.image_bytes:
            raise QuotaExceededError(tenant, "image_bytes", limits.image_bytes, 30.0)


async def check_queue(connection: AsyncConnection, tenant: str, limit: int) -> None:
    """Makes sure that one more job of a tenant may wait.

    Raises:
        ResourceExhaustedError: as many wait as may.
    """
    waiting = select(func.count()).where(
        operations.c.tenant == tenant, operations.c.state == OperationState.QUEUED
    )
    if (await connection.scalar(waiting) or 0) >= limit:
        message = f"{limit} trainings wait already, which is the limit"
        raise ResourceExhaustedError(message, "TRAINING_QUEUE_FULL", QUEUE_RETRY_SECONDS)


async def limits_of(connection: AsyncConnection, tenant: str, defaults: Limits) -> Limits:
    """What holds for a tenant."""
    statement = select(*_limit_columns()).where(tenants.c.tenant == tenant)
    row = (await connection.execute(statement)).first()
    return defaults if row is None else Limits(*row).over(defaults)


async def hold(connection: AsyncConnection, tenant: str) -> None:
    """Keeps other gateways from a tenant's row until the transaction ends."""
    make = sqlite.insert if connection.dialect.name == "sqlite" else postgresql.insert
    row = {"tenant": tenant, "refill_time": 0}
    await connection.execute(make(tenants).values(row).on_conflict_do_nothing())
    held = select(tenants.c.tenant).where(tenants.c.tenant == tenant).with_for_update()
    await connection.execute(held)


def _limit_columns() -> list[Any]:
    return [tenants.c[field.name] for field in fields(Limits)]


def _of(tenant: str) -> Update:
    return update(tenants).where(tenants.c.tenant == tenant)
