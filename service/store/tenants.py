"""What each tenant has, and the beginning of its end."""

from collections import defaultdict
from dataclasses import dataclass

from sqlalchemy import func, or_, select, update

from service.store.audit import write_down
from service.store.database import Database
from service.store.operations import failure_columns
from service.store.records import UNDER_WAY, Failure, IdentityState, OperationState, now
from service.store.tables import api_keys, identities, operations

ERASE = "EraseTenant"
"""What the audit log calls it."""


@dataclass
class Usage:
    """What a tenant has.

    Attributes:
        identities: stored, whatever their state.
        erasing: identities that are being erased; they do not count any more.
        queued, running: trainings.
        image_bytes: of the source images of these trainings.
        keys: API keys that work.
    """

    identities: int = 0
    erasing: int = 0
    queued: int = 0
    running: int = 0
    image_bytes: int = 0
    keys: int = 0


class TenantStore:
    """All tables that bear a tenant's name."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def usage(self) -> dict[str, Usage]:
        """Of all tenants that have anything."""
        stored = select(identities.c.tenant, identities.c.state, func.count()).group_by(
            identities.c.tenant, identities.c.state
        )
        trainings = (
            select(
                operations.c.tenant,
                operations.c.state,
                func.count(),
                func.sum(operations.c.image_bytes),
            )
            .where(operations.c.state.in_(UNDER_WAY))
            .group_by(operations.c.tenant, operations.c.state)
        )
        valid = or_(api_keys.c.expire_time.is_(None), api_keys.c.expire_time > now())
        keys = (
            select(api_keys.c.tenant, func.count())
            .where(api_keys.c.revoke_time.is_(None), valid)
            .group_by(api_keys.c.tenant)
        )
        usage: defaultdict[str, Usage] = defaultdict(Usage)
        async with self._database.read() as connection:
            for tenant, state, count in await connection.execute(stored):
                if state is IdentityState.DELETING:
                    usage[tenant].erasing = count
                else:
                    usage[tenant].identities += count
            for tenant, state, count, size in await connection.execute(trainings):
                usage[tenant].image_bytes += int(size)
                if state is OperationState.QUEUED:
                    usage[tenant].queued = count
                else:
                    usage[tenant].running = count
            for tenant, count in await connection.execute(keys):
                usage[tenant].keys = count
        return dict(usage)

    async def begin_erasure(self, tenant: str, cancelled: Failure) -> int:
        """Cancels a tenant's trainings and begins the deletion of its identities, as callers do
        one by one. Whoever leads stops what runs, and the next sweep of a gateway erases it all.

        Args:
            tenant: whose they are.
            cancelled: how the trainings end.

        Returns:
            How many identities there were.
        """
        ended = (
            update(operations)
            .where(operations.c.tenant == tenant, operations.c.state.in_(UNDER_WAY))
            .values(state=OperationState.CANCELLED, end_time=now(), **failure_columns(cancelled))
        )
        hidden = (
            update(identities)
            .where(identities.c.tenant == tenant, identities.c.state != IdentityState.DELETING)
            .values(state=IdentityState.DELETING)
        )
        async with self._database.write() as connection:
            await connection.execute(ended)
            uids = list(await connection.scalars(hidden.returning(identities.c.uid)))
            # On PostgreSQL, trainings that were accepted meanwhile have hidden identities by now.
            await connection.execute(ended)
            for uid in uids:
                await write_down(connection, tenant, uid, service=ERASE)
        return len(uids)
