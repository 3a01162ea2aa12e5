"""Operations as callers see them: creating, reading, cancelling, forgetting."""

import uuid
from collections.abc import Collection
from dataclasses import dataclass

from sqlalchemy import delete, insert, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from service.store.database import Database
from service.store.paging import Page, after, page_of
from service.store.records import (
    Failure,
    IdentityState,
    OperationState,
    Training,
    now,
)
from service.store.rows import select_training, training
from service.store.tables import identities, operations

ACTIVE = (OperationState.QUEUED, OperationState.RUNNING)


@dataclass(frozen=True)
class NewTraining:
    """A training to create.

    Attributes:
        identity_uid: assigned by the service.
        identity_id: the caller's name for the identity.
        request_id: the caller's, None without idempotency.
        payload_digest: of everything that the request says.
    """

    identity_uid: str
    identity_id: str
    class_noun: str
    preset: str
    seed: int
    image_digest: str
    request_id: str | None
    payload_digest: str


class OperationStore:
    """The table ``operations``, from the callers' side."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def create(self, new: NewTraining) -> Training | None:
        """Inserts identity and operation; None if the name or the request id is taken."""
        created = now()
        identity = {
            "uid": new.identity_uid,
            "identity_id": new.identity_id,
            "state": IdentityState.TRAINING,
            "class_noun": new.class_noun,
            "create_time": created,
        }
        operation = {
            "uid": str(uuid.uuid4()),
            "identity_uid": new.identity_uid,
            "state": OperationState.QUEUED,
            "request_id": new.request_id,
            "payload_digest": new.payload_digest,
            "image_digest": new.image_digest,
            "preset": new.preset,
            "seed": new.seed,
            "create_time": created,
        }
        try:
            async with self._database.write() as connection:
                await connection.execute(insert(identities).values(identity))
                await connection.execute(insert(operations).values(operation))
        except IntegrityError:
            return None
        return await self.get(str(operation["uid"]))

    async def get(self, uid: str) -> Training | None:
        """The operation of a uid."""
        statement = select_training().where(operations.c.uid == uid)
        async with self._database.read() as connection:
            row = (await connection.execute(statement)).first()
        return None if row is None else training(row)

    async def get_all(self, uids: Collection[str]) -> dict[str, Training]:
        """Those of the operations that exist."""
        if not uids:
            return {}
        statement = select_training().where(operations.c.uid.in_(uids))
        async with self._database.read() as connection:
            rows = [training(row) for row in await connection.execute(statement)]
        return {row.operation.uid: row for row in rows}

    async def by_request_id(self, request_id: str) -> Training | None:
        """The operation that a request id made."""
        statement = select_training().where(operations.c.request_id == request_id)
        async with self._database.read() as connection:
            row = (await connection.execute(statement)).first()
        return None if row is None else training(row)

    async def page(self, size: int, token: str) -> Page[Training]:
        """A page, newest first. Raises :class:`service.store.paging.PageTokenError`."""
        visible = select_training().where(identities.c.state != IdentityState.DELETING)
        statement = after(visible, operations, token, size)
        async with self._database.read() as connection:
            rows = [training(row) for row in await connection.execute(statement)]
        places = [(row.operation.create_time, row.operation.uid) for row in rows]
        return page_of(rows, places, size)

    async def active_of(self, identity_uid: str) -> Training | None:
        """The operation under way that learns an identity."""
        statement = select_training().where(
            operations.c.identity_uid == identity_uid, operations.c.state.in_(ACTIVE)
        )
        async with self._database.read() as connection:
            row = (await connection.execute(statement)).first()
        return None if row is None else training(row)

    async def cancel(self, uid: str, failure: Failure) -> bool:
        """Ends an operation under way; False if it was done already.

        Whoever runs it finds at the next write that it is no longer his.
        """
        async with self._database.write() as connection:
            statement = (
                update(operations)
                .where(operations.c.uid == uid, operations.c.state.in_(ACTIVE))
                .values(state=OperationState.CANCELLED, end_time=now(), **failure_columns(failure))
            )
            if not (await connection.execute(statement)).rowcount:
                return False
            await fail_identity(connection, uid, failure)
            return True

    async def delete(self, uid: str) -> bool:
        """Forgets an operation that is done; False if it is under way or gone."""
        statement = delete(operations).where(
            operations.c.uid == uid, operations.c.state.not_in(ACTIVE)
        )
        async with self._database.write() as connection:
            return bool((await connection.execute(statement)).rowcount)


def failure_columns(failure: Failure) -> dict[str, str | int]:
    """A failure as it is stored in both tables."""
    return {
        "failure_code": failure.code,
        "failure_reason": failure.reason,
        "failure_message": failure.message,
    }


async def fail_identity(connection: AsyncConnection, operation_uid: str, failure: Failure) -> None:
    """Marks the identity of an operation as failed, unless it is being deleted."""
    identity_uid = select(operations.c.identity_uid).where(operations.c.uid == operation_uid)
    await connection.execute(
        update(identities)
        .where(
            identities.c.uid == identity_uid.scalar_subquery(),
            identities.c.state == IdentityState.TRAINING,
        )
        .values(state=IdentityState.FAILED, **failure_columns(failure))
    )
