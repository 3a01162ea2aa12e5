"""Gathers single calls of a model into batches: what comes up while one runs goes with the next."""

import asyncio
from collections.abc import Awaitable, Callable, Hashable, Sequence
from typing import Generic, TypeVar

A = TypeVar("A")
R = TypeVar("R")


class Batcher(Generic[A, R]):
    """Runs one batch at a time, beside everything else on the event loop.

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
        self._waiting: list[tuple[A, asyncio.Future[R]]] = []
        self._worker: asyncio.Task[None] | None = None

    async def __call__(self, item: A) -> R:
        """The answer to one item. Raises what the batch it was in raised."""
        answer: asyncio.Future[R] = asyncio.get_running_loop().create_future()
        self._waiting.append((item, answer))
        if self._worker is None or self._worker.done():
            self._worker = asyncio.create_task(self._work())
        return await answer

    async def _work(self) -> None:
        while self._waiting:
            batch = self._next_batch()
            try:
                answers = await self._run([item for item, _ in batch])
            except Exception as error:
                for _, answer in batch:
                    if not answer.done():
                        answer.set_exception(error)
            else:
                for (_, answer), result in zip(batch, answers, strict=True):
                    if not answer.done():
                        answer.set_result(result)

    def _next_batch(self) -> list[tuple[A, asyncio.Future[R]]]:
        """The first item that is still wanted, and those after it that fit in with it."""
        self._waiting = [each for each in self._waiting if not each[1].done()]
        batch: list[tuple[A, asyncio.Future[R]]] = []
        rest: list[tuple[A, asyncio.Future[R]]] = []
        total, wanted = 0, None
        for entry in self._waiting:
            size, kind = self._size(entry[0])
            if not batch or (kind == wanted and total + size <= self._limit):
                batch.append(entry)
                total, wanted = total + size, kind
            else:
                rest.append(entry)
        self._waiting = rest
        return batch
