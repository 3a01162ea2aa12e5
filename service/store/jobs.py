"""Operations as the dispatcher sees them: a queue of jobs.

A claim counts the attempt and hands its number to the claimer. Every later write names that number
and changes nothing unless the operation still runs under it: an attempt that was cancelled,
requeued or overtaken can neither report nor publish. An end that was stored may be told twice: the
answer to the first time can be lost on its way.
"""

from collections.abc import Callable, Collection, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from sqlalchemy import Select, Update, func, select, update

from service.store.database import Database
from service.store.leadership import fence
from service.store.operations import fail_identity, failure_columns
from service.store.records import (
    SECOND,
    Failure,
    IdentityState,
    OperationRecord,
    OperationState,
    Training,
    TrainingProgress,
    now,
)
from service.store.rows import select_training, training
from service.store.tables import identities, leadership, operations
from service.store.turns import pauses, select_next


@dataclass(frozen=True)
class Artifact:
    """A learned identity as it was stored."""

    key: str
    digest: str
    base_model_digest: str
    stage_count: int
    token_width: int


@dataclass(frozen=True)
class Queue:
    """All trainings.

    Attributes:
        states: how many there are in each state.
        oldest: since when the oldest waits, in microseconds since 1970; None: none does.
        drained: whether none is started.
    """

    states: Mapping[str, int]
    oldest: int | None
    drained: bool


class JobStore:
    """The table ``operations``, from the dispatcher's side.

    Args:
        tenant_jobs: of a tenant that may run at the same time.
        retry_seconds: the longest time that a job is queued for later.
    """

    def __init__(
        self, database: Database, tenant_jobs: int = 64, retry_seconds: float = 1.0
    ) -> None:
        self._database, self._tenant_jobs = database, tenant_jobs
        self._pause = round(retry_seconds * SECOND)

    async def claim(
        self, term: int, fits: Callable[[OperationRecord], bool] = lambda _: True
    ) -> Training | None:
        """Takes the job whose turn it is and whose time has come, and counts the attempt.

        While jobs are drained, none is taken.

        Args:
            term: of the leader who claims.
            fits: whether there is a place for the job. If not, the turn stays his: others that
                would fit could keep him from it for ever.

        Raises:
            NotLeaderError: another gateway leads.
        """
        async with self._database.write() as connection:
            if not await fence(connection, term):
                return None
            row = (await connection.execute(select_next(self._tenant_jobs, self._pause))).first()
            if row is None or not fits(training(row).operation):
                return None
            uid = training(row).operation.uid
            await connection.execute(
                update(operations)
                .where(operations.c.uid == uid)
                .values(
                    state=OperationState.RUNNING,
                    attempt=operations.c.attempt + 1,
                    start_time=func.coalesce(operations.c.start_time, now()),
                )
            )
            row = (await connection.execute(select_training().where(operations.c.uid == uid))).one()
            return training(row)

    async def expire(self, term: int, failure: Failure) -> list[str]:
        """Fails the jobs that still wait at their deadline; their uids.

        Raises:
            NotLeaderError: another gateway leads.
        """
        async with self._database.write() as connection:
            await fence(connection, term)
            uids = list(await connection.scalars(select_late()))
            for uid in uids:
                await connection.execute(
                    update(operations)
                    .where(operations.c.uid == uid)
                    .values(state=OperationState.FAILED, end_time=now(), **failure_columns(failure))
                )
                await fail_identity(connection, uid, failure)
        return uids

    async def queue(self) -> Queue:
        """How many jobs there are in each state, how long they wait, and whether they may start."""
        statement = select(
            operations.c.state, func.count(), func.min(operations.c.create_time)
        ).group_by(operations.c.state)
        async with self._database.read() as connection:
            rows = (await connection.execute(statement)).all()
            drain_time = await connection.scalar(select(leadership.c.drain_time))
        counts = {state: count for state, count, _ in rows}
        oldest = {state: time for state, _, time in rows}
        return Queue(
            {state: counts.get(state, 0) for state in OperationState},
            oldest.get(OperationState.QUEUED),
            drain_time is not None,
        )

    async def next_time(self) -> int | None:
        """When the next job that may not start yet may; None if there is none."""
        async with self._database.read() as connection:
            earliest: int | None = await connection.scalar(select_next_time(self._pause))
        return earliest

    async def record_progress(
        self, uid: str, attempt: int, progress: TrainingProgress
    ) -> int | None:
        """Stores how far an attempt is; None if the operation is no longer his.

        Returns:
            How often the operation has changed by now.
        """
        statement = _held(uid, attempt).values(**asdict(progress))
        async with self._database.write() as connection:
            sequence: int | None = await connection.scalar(
                statement.returning(operations.c.sequence)
            )
        return sequence

    async def holds(self, uid: str, attempt: int) -> bool:
        """Whether the operation still runs under this attempt."""
        statement = select(operations.c.uid).where(
            operations.c.uid == uid,
            operations.c.attempt == attempt,
            operations.c.state == OperationState.RUNNING,
        )
        async with self._database.read() as connection:
            return await connection.scalar(statement) is not None

    async def publish(self, uid: str, attempt: int, artifact: Artifact) -> bool:
        """Makes the identity READY, if it is not so by this very artifact; False if the operation
        is no longer his.
        """
        ended = now()
        async with self._database.write() as connection:
            done = _held(uid, attempt).values(
                state=OperationState.SUCCEEDED, end_time=ended, seconds_left=0.0
            )
            if not (await connection.execute(done)).rowcount:
                published = select(identities.c.uid).where(
                    identities.c.state == IdentityState.READY,
                    identities.c.artifact_key == artifact.key,
                )
                return await connection.scalar(published) is not None
            identity_uid = select(operations.c.identity_uid).where(operations.c.uid == uid)
            await connection.execute(
                update(identities)
                .where(
                    identities.c.uid == identity_uid.scalar_subquery(),
                    identities.c.state == IdentityState.TRAINING,
                )
                .values(
                    state=IdentityState.READY,
                    artifact_key=artifact.key,
                    artifact_digest=artifact.digest,
                    base_model_digest=artifact.base_model_digest,
                    stage_count=artifact.stage_count,
                    token_width=artifact.token_width,
                    ready_time=ended,
                )
            )
            return True

    async def fail(self, uid: str, attempt: int, failure: Failure) -> bool:
        """Ends the operation for good, if it did not end so; False if it is no longer his."""
        async with self._database.write() as connection:
            failed = _held(uid, attempt).values(
                state=OperationState.FAILED, end_time=now(), **failure_columns(failure)
            )
            if not (await connection.execute(failed)).rowcount:
                return await connection.scalar(_failed(uid, attempt, failure)) is not None
            await fail_identity(connection, uid, failure)
            return True

    async def retry(self, uid: str, attempt: int, not_before: int) -> bool:
        """Queues the job again after a failed attempt."""
        values: dict[str, Any] = {"failures": operations.c.failures + 1, "not_before": not_before}
        return await self._write(_held(uid, attempt).values(state=OperationState.QUEUED, **values))

    async def release(self, uid: str, attempt: int, not_before: int = 0) -> bool:
        """Queues the job again; the attempt did not fail."""
        return await self._write(
            _held(uid, attempt).values(state=OperationState.QUEUED, not_before=not_before)
        )

    async def release_all(self, term: int, held: Collection[str] = ()) -> int:
        """Queues again every job that nobody runs: the leader of the term before is gone, or the
        answer to a claim was lost.

        Args:
            term: of the leader.
            held: uids of the operations that run.

        Raises:
            NotLeaderError: another gateway leads.
        """
        running = (
            update(operations)
            .where(operations.c.state == OperationState.RUNNING, operations.c.uid.not_in(held))
            .values(state=OperationState.QUEUED, not_before=0)
        )
        async with self._database.write() as connection:
            await fence(connection, term)
            return int((await connection.execute(running)).rowcount)

    async def _write(self, statement: Update) -> bool:
        async with self._database.write() as connection:
            return bool((await connection.execute(statement)).rowcount)


def select_late() -> Select[Any]:
    """Uids of the jobs that still wait at their deadline."""
    return select(operations.c.uid).where(
        operations.c.state == OperationState.QUEUED, operations.c.deadline <= now()
    )


def select_next_time(pause: int) -> Select[Any]:
    """The earliest time of those that wait for theirs; see :func:`pauses`."""
    return select(func.min(operations.c.not_before)).where(
        operations.c.state == OperationState.QUEUED, pauses(operations.c.not_before, pause)
    )


def _failed(uid: str, attempt: int, failure: Failure) -> Select[Any]:
    """The operation, if this attempt of it ended for good with this failure."""
    return select(operations.c.uid).filter_by(
        uid=uid, attempt=attempt, state=OperationState.FAILED, **failure_columns(failure)
    )


def _held(uid: str, attempt: int) -> Update:
    return update(operations).where(
        operations.c.uid == uid,
        operations.c.attempt == attempt,
        operations.c.state == OperationState.RUNNING,
    )
