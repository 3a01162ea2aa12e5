"""Gathers single calls of a model into batches: what comes up while one runs goes with the next."""

import asyncio
import itertools
from collections.abc import Awaitable, Callable, Hashable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from sampler.policy import in_turns

A = TypeVar("A")
R = TypeVar("R")


@dataclass(eq=False)
class _Entry(Generic[A, R]):
    """An item that waits; see :class:`sampler.policy.Waiting`."""

    item: A
    answer: asyncio.Future[R]
    tenant: str
    priority: int
    rank: int


class Batcher(Generic[A, R]):
    """Runs one batch at a time, beside everything else on the event loop.

    Higher priorities go first, and tenants take turns. Who stops waiting leaves the queue.

    Args:
        run: answers a batch, in order.
        size: what an item adds to a batch, and the kind of batch that it fits in.
        limit: most that a batch may hold; a larger item goes alone.
    """

    def __init__(
        self,
        run: Callable[[Sequence[A]], Awaitable[Sequence[R]]],
        size: Callable[[A], tuple[int, Hashable]],
        limit: int,
    ) -> None:
        self._run, self._size, self._limit = run, size, limit
        self._waiting: list[_Entry[A, R]] = []
        self._arrivals, self._calls = itertools.count(), itertools.count()
        self._served: dict[str, int] = {}  # the last call of each tenant, while anybody waits
        self._worker: asyncio.Task[None] | None = None

    async def __call__(self, item: A, tenant: str = "", priority: int = 0) -> R:
        """The answer to one item of a tenant's. Raises what the batch it was in raised."""
        answer: asyncio.Future[R] = asyncio.get_running_loop().create_future()
        self._waiting.append(_Entry(item, answer, tenant, priority, next(self._arrivals)))
        if self._worker is None or self._worker.done():
            self._worker = asyncio.create_task(self._work())
        return await answer

    async def _work(self) -> None:
        while batch := self._next_batch():
            try:
                answers = await self._run([entry.item for entry in batch])
            except Exception as error:
                for entry in batch:
                    if not entry.answer.done():
                        entry.answer.set_exception(error)
            else:
                for entry, result in zip(batch, answers, strict=True):
                    if not entry.answer.done():
                        entry.answer.set_result(result)

    def _next_batch(self) -> list[_Entry[A, R]]:
        """The first item that is still wanted, and those after it that fit in with it."""
        batch: list[_Entry[A, R]] = []
        rest: list[_Entry[A, R]] = []
        total, wanted, call = 0, None, next(self._calls)
        entries = [each for each in self._waiting if not each.answer.done()]
        for entry in in_turns(entries, self._served):
            size, kind = self._size(entry.item)
            if not batch or (kind == wanted and total + size <= self._limit):
                batch.append(entry)
                total, wanted = total + size, kind
            else:
                rest.append(entry)
        self._waiting = rest
        self._served |= {entry.tenant: call for entry in batch}
        if not rest:
            self._served.clear()
        return batch
