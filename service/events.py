"""Progress of trainings on its way from the dispatcher to those who watch."""

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager

from service.errors import GatewayError, NotFoundError, UnavailableError
from service.names import OPERATION_TYPE, operation_name
from service.store import Training

BACKLOG = 64
"""Messages kept for a slow watcher; then the oldest make room."""


class Subscription:
    """What one watcher has not seen yet."""

    def __init__(self) -> None:
        self._queue: asyncio.Queue[Training | GatewayError] = asyncio.Queue(BACKLOG)

    def put(self, message: Training | GatewayError) -> None:
        """Adds a message; an error ends the subscription."""
        if self._queue.full():
            self._queue.get_nowait()
        self._queue.put_nowait(message)

    async def __aiter__(self) -> AsyncIterator[Training]:
        """Messages as they come.

        Raises:
            UnavailableError: the gateway shuts down.
            NotFoundError: the operation was deleted.
        """
        while not isinstance(message := await self._queue.get(), GatewayError):
            yield message
        raise message


class TrainingEvents:
    """Spreads what happens to an operation among its watchers, within this process."""

    def __init__(self) -> None:
        self._subscriptions: defaultdict[str, set[Subscription]] = defaultdict(set)
        self._closed = False

    @contextmanager
    def subscribe(self, operation_uid: str) -> Iterator[Subscription]:
        """Everything published from now on. Read the stored state after subscribing, not before."""
        subscription = Subscription()
        if self._closed:
            subscription.put(_shutdown())
        self._subscriptions[operation_uid].add(subscription)
        try:
            yield subscription
        finally:
            watchers = self._subscriptions[operation_uid]
            watchers.discard(subscription)
            if not watchers:
                del self._subscriptions[operation_uid]

    @property
    def watched(self) -> set[str]:
        """Uids of the operations that have watchers."""
        return set(self._subscriptions)

    def publish(self, training: Training) -> None:
        """Tells the watchers what has become of a training."""
        for subscription in self._subscriptions.get(training.operation.uid, ()):
            subscription.put(training)

    def forget(self, operation_uid: str) -> None:
        """Ends the subscriptions to an operation that was deleted."""
        for subscription in self._subscriptions.pop(operation_uid, ()):
            subscription.put(NotFoundError(OPERATION_TYPE, operation_name(operation_uid)))

    def close(self) -> None:
        """Ends all subscriptions, those to come included."""
        self._closed = True
        for subscriptions in self._subscriptions.values():
            for subscription in subscriptions:
                subscription.put(_shutdown())


def _shutdown() -> UnavailableError:
    return UnavailableError("the service is stopping; the training goes on later", "SHUTDOWN")
