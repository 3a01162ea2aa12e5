"""What must hold between rows, whatever crashed: what breaks it, and how that goes away."""

from dataclasses import dataclass

from sqlalchemy import ColumnElement, Select, delete, exists, select, update

from service.store.audit import write_down
from service.store.database import Database
from service.store.operations import failure_columns
from service.store.records import (
    UNDER_WAY,
    Failure,
    IdentityRecord,
    IdentityState,
    OperationRecord,
    OperationState,
)
from service.store.tables import consents, identities, operations, tombstones

FSCK = "fsck"
"""What the audit log calls it."""


@dataclass(frozen=True)
class Owner:
    """Whose blobs may lie about: an identity's state, and the artifact that its row names."""

    state: IdentityState
    artifact_key: str


class SoundnessStore:
    """All tables. What mends names what it saw, and does nothing if that is so no more."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def owners(self) -> dict[str, Owner]:
        """All identities by uid."""
        statement = select(identities.c.uid, identities.c.state, identities.c.artifact_key)
        async with self._database.read() as connection:
            return {uid: Owner(*rest) for uid, *rest in await connection.execute(statement)}

    async def erased(self) -> set[str]:
        """Uids of the identities that were erased."""
        return await self._uids(select(tombstones.c.identity_uid))

    async def remains(self) -> set[str]:
        """Uids of erased identities that have a row, and of rows without their identity."""
        uid = identities.c.uid
        known = exists().where(uid == operations.c.identity_uid)
        consented = exists().where(uid == consents.c.identity_uid)
        return (
            await self._uids(select(uid).where(uid == tombstones.c.identity_uid))
            | await self._uids(select(operations.c.identity_uid).where(~known))
            | await self._uids(select(consents.c.identity_uid).where(~consented))
        )

    async def remove(self, uid: str) -> None:
        """Removes what :meth:`remains` of an identity."""
        async with self._database.write() as connection:
            for column in (operations.c.identity_uid, consents.c.identity_uid, identities.c.uid):
                await connection.execute(delete(column.table).where(column == uid))
        await self._database.scrub()

    async def untrained(self) -> set[str]:
        """Uids of identities that wait for a training which is not there."""
        return await self._uids(select(identities.c.uid).where(_untrained()))

    async def end_untrained(self, uid: str, failure: Failure) -> None:
        """Marks an identity of :meth:`untrained` as failed."""
        async with self._database.write() as connection:
            ended = (
                update(identities)
                .where(identities.c.uid == uid, _untrained())
                .values(state=IdentityState.FAILED, **failure_columns(failure))
            )
            tenant = await connection.scalar(ended.returning(identities.c.tenant))
            if tenant is not None:
                await write_down(connection, tenant, uid, service=FSCK)

    async def running(self) -> list[OperationRecord]:
        """Operations that are said to run."""
        statement = select(operations).where(operations.c.state == OperationState.RUNNING)
        async with self._database.read() as connection:
            rows = await connection.execute(statement)
            return [OperationRecord(**row._mapping) for row in rows]

    async def end_lost(self, record: IdentityRecord, failure: Failure) -> bool:
        """Marks a READY identity as failed, since its artifact is lost."""
        statement = (
            update(identities)
            .where(
                identities.c.uid == record.uid,
                identities.c.state == IdentityState.READY,
                identities.c.artifact_key == record.artifact_key,
                identities.c.artifact_digest == record.artifact_digest,
            )
            .values(
                state=IdentityState.FAILED,
                artifact_key="",
                artifact_digest="",
                **failure_columns(failure),
            )
        )
        async with self._database.write() as connection:
            if not (await connection.execute(statement)).rowcount:
                return False
            await write_down(connection, record.tenant, record.uid, service=FSCK)
            return True

    async def _uids(self, statement: Select[tuple[str]]) -> set[str]:
        async with self._database.read() as connection:
            return set(await connection.scalars(statement))


def _untrained() -> ColumnElement[bool]:
    trains = exists().where(
        operations.c.identity_uid == identities.c.uid, operations.c.state.in_(UNDER_WAY)
    )
    return (identities.c.state == IdentityState.TRAINING) & ~trains
