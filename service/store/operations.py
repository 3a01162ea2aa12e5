"""Operations as callers see them: creating, reading, cancelling, forgetting."""

import sys
import uuid
from collections.abc import Collection
from dataclasses import dataclass, replace

from sqlalchemy import (
    ColumnElement,
    Float,
    Select,
    bindparam,
    cast,
    delete,
    func,
    insert,
    select,
    update,
)
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from service.caller import DEFAULT_TENANT
from service.store.audit import write_down
from service.store.consents import Consent, record_consent
from service.store.database import Database
from service.store.filters import OperationFilter
from service.store.paging import Page, after, page_of
from service.store.quotas import Limits, check_queue, check_room, hold
from service.store.records import (
    DAY,
    UNDER_WAY,
    Failure,
    IdentityState,
    OperationState,
    Training,
    now,
)
from service.store.rows import select_training, training
from service.store.tables import identities, operations
from service.store.turns import Standings, select_ranks, select_standings

REQUEST_ID_TIME = DAY
"""How long a request id stands for the operation that it made, in microseconds."""
_LAST = 20  # trainings whose mean time is the estimate of the next one's


_NAMED = select_training().where(operations.c.uid.in_(bindparam("uids", expanding=True)))
"""Made once: to make a statement takes longer than to run it."""


@dataclass(frozen=True)
class NewTraining:
    """A training to create.

    Attributes:
        identity_uid: assigned by the service.
        identity_id: the caller's name for the identity.
        request_id: the caller's, None without idempotency.
        payload_digest: of everything that the request says.
        tenant: whose it is.
        image_bytes: size of the stored image.
        previews: pictures to show on the way.
        deadline: microseconds since 1970; None without one.
        traceparent: of the call that asks for it, if that is traced.
        consent: on whose word; None without one.
    """

    identity_uid: str
    identity_id: str
    class_noun: str
    preset: str
    seed: int
    image_digest: str
    request_id: str | None
    payload_digest: str
    tenant: str = DEFAULT_TENANT
    image_bytes: int = 0
    previews: int = 0
    deadline: int | None = None
    traceparent: str = ""
    consent: Consent | None = None


class OperationStore:
    """The table ``operations``, from the callers' side. What waits tells its place in the queue.

    Args:
        places: jobs that may run at the same time, for the estimate of when one starts.
        limits: of tenants that have none of their own.
        tenant_queue: jobs of a tenant that may wait.
    """

    def __init__(
        self,
        database: Database,
        places: int = 1,
        limits: Limits | None = None,
        tenant_queue: int = sys.maxsize,
    ) -> None:
        self._database, self._places = database, places
        self._limits, self._tenant_queue = limits or Limits(), tenant_queue

    async def check_queue(self, tenant: str) -> None:
        """Finds out early what :meth:`create` would refuse.

        Raises:
            ResourceExhaustedError: as many jobs of the tenant wait as may.
        """
        async with self._database.read() as connection:
            await check_queue(connection, tenant, self._tenant_queue)

    async def create(self, new: NewTraining) -> Training | None:
        """Inserts identity and operation; None if the name or the request id is taken.

        A request id is free again when it is `REQUEST_ID_TIME` old.

        Raises:
            ResourceExhaustedError: as many jobs of the tenant wait as may.
            QuotaExceededError: the tenant may have no more.
        """
        created = now()
        identity = {
            "uid": new.identity_uid,
            "tenant": new.tenant,
            "identity_id": new.identity_id,
            "state": IdentityState.TRAINING,
            "class_noun": new.class_noun,
            "create_time": created,
        }
        uid = str(uuid.uuid4())
        operation = {
            "uid": uid,
            "identity_uid": new.identity_uid,
            "state": OperationState.QUEUED,
            "tenant": new.tenant,
            "request_id": new.request_id,
            "payload_digest": new.payload_digest,
            "image_digest": new.image_digest,
            "image_bytes": new.image_bytes,
            "preset": new.preset,
            "seed": new.seed,
            "previews": new.previews,
            "deadline": new.deadline,
            "traceparent": new.traceparent,
            "create_time": created,
        }
        try:
            async with self._database.write() as connection:
                await connection.execute(
                    update(operations)
                    .where(
                        operations.c.tenant == new.tenant,
                        operations.c.request_id == new.request_id,
                        ~_remembered(),
                    )
                    .values(request_id=None)
                )
                await hold(connection, new.tenant)
                await check_queue(connection, new.tenant, self._tenant_queue)
                await check_room(connection, new.tenant, self._limits, new.image_bytes)
                await connection.execute(insert(identities).values(identity))
                await connection.execute(insert(operations).values(operation))
                await record_consent(connection, new.identity_uid, new.consent)
                await write_down(connection, new.tenant, new.identity_uid, uid)
        except IntegrityError:
            return None
        return await self.get(uid)

    async def get(self, uid: str) -> Training | None:
        """The operation of a uid, whosever it is: for the service's own work."""
        return (await self.get_all([uid])).get(uid)

    async def get_of(self, tenant: str, uid: str) -> Training | None:
        """The operation of a uid, if it is the tenant's."""
        training = await self.get(uid)
        return training if training and training.operation.tenant == tenant else None

    async def get_all(self, uids: Collection[str]) -> dict[str, Training]:
        """Those of the operations that exist, whosever they are."""
        if not uids:
            return {}
        async with self._database.read() as connection:
            rows = await connection.execute(_NAMED, {"uids": list(uids)})
            found = [training(row) for row in rows]
            return {row.operation.uid: row for row in await self._placed(connection, found)}

    async def by_request_id(self, tenant: str, request_id: str) -> Training | None:
        """The operation that a tenant's request id made."""
        statement = select_training().where(
            operations.c.tenant == tenant, operations.c.request_id == request_id, _remembered()
        )
        async with self._database.read() as connection:
            row = (await connection.execute(statement)).first()
        return None if row is None else training(row)

    async def page(
        self, tenant: str, size: int, token: str, wanted: OperationFilter | None = None
    ) -> Page[Training]:
        """A page, newest first. Raises :class:`service.store.paging.PageTokenError`."""
        visible = select_training().where(
            operations.c.tenant == tenant,
            identities.c.state != IdentityState.DELETING,
            *(wanted.conditions() if wanted else ()),
        )
        statement = after(visible, operations, token, size)
        async with self._database.read() as connection:
            found = [training(row) for row in await connection.execute(statement)]
            rows = await self._placed(connection, found)
        places = [(row.operation.create_time, row.operation.uid) for row in rows]
        return page_of(rows, places, size)

    async def uids_of(self, identity_uid: str) -> list[str]:
        """Uids of all operations that an identity has had."""
        statement = select(operations.c.uid).where(operations.c.identity_uid == identity_uid)
        async with self._database.read() as connection:
            return [str(uid) for uid in await connection.scalars(statement)]

    async def uids_in(self, *states: OperationState) -> set[str]:
        """Uids of all operations in these states."""
        statement = select(operations.c.uid).where(operations.c.state.in_(states))
        async with self._database.read() as connection:
            return set(await connection.scalars(statement))

    async def active_of(self, identity_uid: str) -> Training | None:
        """The operation under way that learns an identity."""
        statement = select_training().where(
            operations.c.identity_uid == identity_uid, operations.c.state.in_(UNDER_WAY)
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
                .where(operations.c.uid == uid, operations.c.state.in_(UNDER_WAY))
                .values(state=OperationState.CANCELLED, end_time=now(), **failure_columns(failure))
                .returning(operations.c.tenant, operations.c.identity_uid)
            )
            if (row := (await connection.execute(statement)).first()) is None:
                return False
            await fail_identity(connection, uid, failure)
            await write_down(connection, row.tenant, row.identity_uid, uid)
            return True

    async def delete(self, tenant: str, uid: str) -> bool:
        """Forgets an operation that is done; False if it is under way or gone."""
        statement = (
            delete(operations)
            .where(
                operations.c.tenant == tenant,
                operations.c.uid == uid,
                operations.c.state.not_in(UNDER_WAY),
            )
            .returning(operations.c.identity_uid)
        )
        async with self._database.write() as connection:
            if (identity_uid := await connection.scalar(statement)) is None:
                return False
            await write_down(connection, tenant, identity_uid, uid)
            return True

    async def _placed(
        self, connection: AsyncConnection, trainings: list[Training]
    ) -> list[Training]:
        """With the place in the queue of those that wait."""
        waiting = {
            each.operation.uid: each.operation.tenant
            for each in trainings
            if each.operation.state is OperationState.QUEUED
        }
        if not waiting:
            return trainings
        standings = Standings(await connection.execute(select_standings()))
        ranks = await connection.execute(select_ranks(waiting, set(waiting.values())))
        place_of = {uid: standings.place(tenant, rank) for uid, tenant, rank in ranks}
        usual = await connection.scalar(_usual_time())
        placed = []
        for each in trainings:
            if (place := place_of.get(each.operation.uid)) is not None:
                start = None if usual is None else now() + round(usual * place / self._places)
                each = replace(each, queue_position=place, estimated_start=start)
            placed.append(each)
        return placed


def _remembered() -> ColumnElement[bool]:
    """Whether an operation's request id still counts."""
    return operations.c.create_time > now() - REQUEST_ID_TIME


def _usual_time() -> Select[float]:
    """Mean microseconds of the trainings that ended last."""
    last = (
        select((operations.c.end_time - operations.c.start_time).label("time"))
        .where(operations.c.state == OperationState.SUCCEEDED)
        .order_by(operations.c.create_time.desc())
        .limit(_LAST)
        .subquery("last")
    )
    return select(cast(func.avg(last.c.time), Float))


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
