"""Whose turn it is: tenants take turns, and a tenant's own jobs go in the order of requests.

A job's round is how many of its tenant's jobs run or wait before it. Rounds are served one after
the other; within a round goes first who waits for his first turn, then whose last turn is longest
ago. So a tenant of many jobs does not hold up a tenant of one, and places stay true as jobs are
taken from the queue.
"""

from sqlalchemy import ColumnElement, Select, Subquery, func, select

from service.store.records import OperationState
from service.store.tables import operations

_others = operations.alias("others")


def turns() -> Subquery:
    """The queue: ``uid`` and ``place``, from 1 on."""
    own = operations.c.tenant
    rank = func.row_number().over(
        partition_by=own, order_by=(operations.c.create_time, operations.c.uid)
    )
    first = func.min(operations.c.create_time).over(partition_by=own)
    last_turn = _of_tenant(func.max(_others.c.start_time)).scalar_subquery()
    ranked = (
        select(
            operations.c.uid,
            own,
            (rank + running()).label("round"),
            rank.label("rank"),
            func.coalesce(last_turn, 0).label("last_turn"),
            first.label("first"),
        )
        .where(operations.c.state == OperationState.QUEUED)
        .subquery("ranked")
    )
    order = [ranked.c[name] for name in ("round", "rank", "last_turn", "first", "tenant")]
    place = func.row_number().over(order_by=order).label("place")
    return select(ranked.c.uid, place).subquery("turns")


def running() -> ColumnElement[int]:
    """How many jobs of an operation's tenant run."""
    jobs = _of_tenant(func.count(_others.c.uid)).where(_others.c.state == OperationState.RUNNING)
    return jobs.scalar_subquery()


def _of_tenant(figure: ColumnElement[int]) -> Select[int]:
    return select(figure).where(_others.c.tenant == operations.c.tenant).correlate(operations)
