"""Identities: reading, and the two ends of a deletion."""

from collections.abc import Collection
from dataclasses import asdict, replace

from sqlalchemy import and_, bindparam, delete, insert, select, update
from sqlalchemy.exc import IntegrityError

from service.store.audit import write_down
from service.store.consents import Consent, record_consent
from service.store.database import Database
from service.store.paging import Page, after, page_of
from service.store.quotas import Limits, check_room
from service.store.records import IdentityRecord, IdentityState, now
from service.store.rows import identity
from service.store.tables import consents, identities, tombstones

# Made once: to make a statement takes longer than to run it.
_THERE = and_(
    identities.c.tenant == bindparam("tenant"), identities.c.state != IdentityState.DELETING
)
_NAMED = select(identities).where(
    _THERE, identities.c.identity_id.in_(bindparam("identity_ids", expanding=True))
)
_WITH_CONSENT = (
    select(identities, consents)
    .outerjoin(consents, consents.c.identity_uid == identities.c.uid)
    .where(_THERE, identities.c.identity_id == bindparam("identity_id"))
)


class EtagMismatchError(Exception):
    """An identity is not as its caller saw it."""


class IdentityStore:
    """The table ``identities``. What is being deleted does not exist for readers.

    Args:
        limits: of tenants that have none of their own.
    """

    def __init__(self, database: Database, limits: Limits | None = None) -> None:
        self._database, self._limits = database, limits or Limits()

    async def get(self, tenant: str, identity_id: str) -> IdentityRecord | None:
        """The identity of a tenant's name."""
        return (await self.get_all(tenant, [identity_id])).get(identity_id)

    async def with_consent(
        self, tenant: str, identity_id: str
    ) -> tuple[IdentityRecord, Consent | None] | None:
        """The identity of a tenant's name, and the consent to it if one was recorded."""
        names = {"tenant": tenant, "identity_id": identity_id}
        async with self._database.read() as connection:
            row = (await connection.execute(_WITH_CONSENT, names)).first()
        if row is None:
            return None
        width = len(identities.c)
        consent = row[width + 1 :]  # without the uid, which both tables have
        return identity(row[:width]), None if consent[0] is None else Consent(*consent)

    async def get_all(
        self, tenant: str, identity_ids: Collection[str]
    ) -> dict[str, IdentityRecord]:
        """Those of a tenant's names that exist."""
        names = {"tenant": tenant, "identity_ids": list(identity_ids)}
        async with self._database.read() as connection:
            rows = [identity(row) for row in await connection.execute(_NAMED, names)]
        return {row.identity_id: row for row in rows}

    async def page(self, tenant: str, size: int, token: str) -> Page[IdentityRecord]:
        """A page, newest first. Raises :class:`service.store.paging.PageTokenError`."""
        visible = select(identities).where(
            identities.c.tenant == tenant, identities.c.state != IdentityState.DELETING
        )
        statement = after(visible, identities, token, size)
        async with self._database.read() as connection:
            rows = [identity(row) for row in await connection.execute(statement)]
        return page_of(rows, [(row.create_time, row.uid) for row in rows], size)

    async def in_state(self, state: IdentityState) -> list[IdentityRecord]:
        """All tenants' identities of a state."""
        statement = select(identities).where(identities.c.state == state)
        async with self._database.read() as connection:
            return [identity(row) for row in await connection.execute(statement)]

    async def uids_in(self, state: IdentityState) -> set[str]:
        """Uids of all tenants' identities of a state."""
        statement = select(identities.c.uid).where(identities.c.state == state)
        async with self._database.read() as connection:
            return set(await connection.scalars(statement))

    async def get_by_uid(self, uid: str) -> IdentityRecord | None:
        """The identity of a uid, even if it is being deleted."""
        statement = select(identities).where(identities.c.uid == uid)
        async with self._database.read() as connection:
            row = (await connection.execute(statement)).first()
        return None if row is None else identity(row)

    async def insert(self, record: IdentityRecord, consent: Consent | None = None) -> bool:
        """Adds an identity; False if its name is taken.

        Args:
            record: the identity.
            consent: on whose word; None without one.

        Raises:
            QuotaExceededError: the tenant may have no more.
        """
        try:
            async with self._database.write() as connection:
                await check_room(connection, record.tenant, self._limits)
                await connection.execute(insert(identities).values(asdict(record)))
                await record_consent(connection, record.uid, consent)
                await write_down(connection, record.tenant, record.uid)
        except IntegrityError:
            return False
        return True

    async def begin_deletion(
        self, tenant: str, identity_id: str, etag: str = ""
    ) -> IdentityRecord | None:
        """Hides an identity, or finds one that is hidden already; None if there is none.

        Raises:
            EtagMismatchError: its etag is neither empty nor this one.
        """
        named = select(identities).where(
            identities.c.tenant == tenant, identities.c.identity_id == identity_id
        )
        async with self._database.write() as connection:
            row = (await connection.execute(named.with_for_update())).first()
            if row is None:
                return None
            record = identity(row)
            if record.state is not IdentityState.DELETING and etag not in ("", record.etag):
                raise EtagMismatchError
            hidden = update(identities).where(identities.c.uid == record.uid)
            await connection.execute(hidden.values(state=IdentityState.DELETING))
            await write_down(connection, record.tenant, record.uid)
        return replace(record, state=IdentityState.DELETING)

    async def expire(self, state: IdentityState, before: int) -> None:
        """Begins the deletion of those of a state that are older, in microseconds since 1970."""
        old = and_(identities.c.state == state, identities.c.create_time < before)
        async with self._database.write() as connection:
            hidden = update(identities).where(old).values(state=IdentityState.DELETING)
            due = await connection.execute(hidden.returning(identities.c.tenant, identities.c.uid))
            for tenant, uid in due.all():
                await write_down(connection, tenant, uid, service="Retention")

    async def end_deletion(self, record: IdentityRecord) -> None:
        """Removes the row, and with it operations and consent; a tombstone stays."""
        async with self._database.write() as connection:
            gone = delete(identities).where(identities.c.uid == record.uid)
            if (await connection.execute(gone)).rowcount:
                tombstone = {
                    "identity_uid": record.uid,
                    "tenant": record.tenant,
                    "create_time": record.create_time,
                    "erase_time": now(),
                }
                await connection.execute(insert(tombstones).values(tombstone))
        await self._database.scrub()
