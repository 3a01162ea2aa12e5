"""Whose turn it is: tenants take turns, and a tenant's own jobs go in the order of requests.

A job's round is how many of its tenant's jobs run or wait before it. Rounds are served one after
the other; within a round goes first who waits for his first turn, then whose last turn is longest
ago. So a tenant of many jobs does not hold up a tenant of one, and places stay true as jobs are
taken from the queue.

However long the queue is, a claim looks at one job of each tenant, by the index of ``operations``
on state, tenant and time; and a place follows from what each tenant has.
"""

from collections.abc import Collection, Iterable, Sequence
from typing import Any

import numpy as np
from sqlalchemy import (
    CTE,
    ColumnElement,
    ScalarSelect,
    Select,
    Subquery,
    Text,
    cast,
    func,
    literal,
    select,
)

from service.store.records import OperationState, now
from service.store.rows import select_training
from service.store.tables import operations

_others = operations.alias("others")


class Standings:
    """What all tenants that wait have.

    Args:
        rows: of :func:`select_standings`.
    """

    def __init__(self, rows: Iterable[Sequence[Any]]) -> None:
        turns = sorted(tuple(row) for row in rows)
        self._turn = {tenant: turn for turn, (_, _, tenant, _, _) in enumerate(turns)}
        self._waiting = np.array([waiting for *_, waiting, _ in turns])
        self._running = np.array([running for *_, running in turns])

    def place(self, tenant: str, rank: int) -> int | None:
        """The place in the queue of a tenant's job of this rank, both from 1 on; None if the
        tenant does not wait.
        """
        if (turn := self._turn.get(tenant)) is None:
            return None
        # The rank that each tenant's job of the same round has.
        ranks = rank + self._running[turn] - self._running
        in_earlier_rounds = np.clip(ranks - 1, 0, self._waiting)
        goes_before = (ranks < rank) | ((ranks == rank) & (np.arange(len(ranks)) < turn))
        in_this_round = (ranks >= 1) & (ranks <= self._waiting) & goes_before
        return 1 + int(in_earlier_rounds.sum() + in_this_round.sum())


def select_standings() -> Select[Any]:
    """Of each tenant that waits: when a job of it last began, when its first job in the queue was
    asked for, its name, and how many of its jobs wait and run.
    """
    own, running = operations.c.tenant, _running()
    waiting = (
        select(func.min(operations.c.create_time).label("first"), own, func.count().label("jobs"))
        .where(operations.c.state == OperationState.QUEUED)
        .group_by(own)
        .subquery("waiting")
    )
    return select(
        _last_turn(waiting.c.tenant),
        waiting.c.first,
        waiting.c.tenant,
        waiting.c.jobs,
        func.coalesce(running.c.jobs, 0),
    ).outerjoin(running, running.c.tenant == waiting.c.tenant)


def select_ranks(uids: Collection[str], tenants: Collection[str]) -> Select[Any]:
    """Uid, tenant and rank within the tenant of those of the jobs that wait."""
    own = operations.c.tenant
    order = (operations.c.create_time, operations.c.uid)
    rank = func.row_number().over(partition_by=own, order_by=order).label("rank")
    ranked = (
        select(operations.c.uid, own, rank)
        .where(operations.c.state == OperationState.QUEUED, own.in_(tenants))
        .subquery("ranked")
    )
    return select(ranked).where(ranked.c.uid.in_(uids))


def pauses(not_before: ColumnElement[int], pause: int) -> ColumnElement[bool]:
    """Whether a job's time is still to come. A time further ahead than the pause before a retry was
    written before the clock was set back, and keeps nobody waiting.

    Args:
        pause: microseconds.
    """
    time = now()
    return not_before.between(time + 1, time + pause)


def select_next(tenant_jobs: int, pause: int) -> Select[Any]:
    """The training whose turn it is, of those whose time has come; its row is locked, or none is
    found while somebody else changes it.

    Args:
        tenant_jobs: of a tenant that may run at the same time.
        pause: before a retry, in microseconds.
    """
    own, running = _tenants_that_wait().c.tenant, _running()
    head = (
        select(_others.c.uid)
        .where(
            _others.c.state == OperationState.QUEUED,
            # This and the order leave PostgreSQL no other index, whatever it thinks of the rows.
            _others.c.tenant.between(own, own),
            ~pauses(_others.c.not_before, pause),
        )
        .order_by(_others.c.tenant, _others.c.create_time, _others.c.uid)
        .limit(1)
        .scalar_subquery()
    )
    heads = (
        select(
            own,
            head.label("uid"),
            _last_turn(own).label("last_turn"),
            func.coalesce(running.c.jobs, 0).label("running"),
        )
        .outerjoin(running, running.c.tenant == own)
        .subquery("heads")
    )
    time = select(_others.c.create_time).where(_others.c.uid == heads.c.uid).scalar_subquery()
    first = (
        select(heads.c.uid)
        .where(heads.c.uid.is_not(None), heads.c.running < tenant_jobs)
        .order_by(heads.c.running, heads.c.last_turn, time, heads.c.tenant)
        .limit(1)
        .scalar_subquery()
    )
    return (
        select_training()
        .where(operations.c.uid == first, operations.c.state == OperationState.QUEUED)
        .with_for_update(skip_locked=True, of=operations)
    )


def _tenants_that_wait() -> CTE:
    """Each found by a step in the index, from the one before; the first is empty, the last null."""
    found = select(cast(literal(""), Text).label("tenant")).cte("waiting", recursive=True)
    following = select(func.min(_others.c.tenant)).where(
        _others.c.state == OperationState.QUEUED, _others.c.tenant > found.c.tenant
    )
    return found.union_all(select(following.scalar_subquery()).where(found.c.tenant.is_not(None)))


def _running() -> Subquery:
    """How many jobs of each tenant run."""
    return (
        select(_others.c.tenant, func.count().label("jobs"))
        .where(_others.c.state == OperationState.RUNNING)
        .group_by(_others.c.tenant)
        .subquery("running")
    )


def _last_turn(tenant: ColumnElement[str]) -> ScalarSelect[int]:
    """When a job of a tenant last began; 0 if none did."""
    last = func.coalesce(func.max(_others.c.start_time), 0)
    return select(last).where(_others.c.tenant == tenant).scalar_subquery()
