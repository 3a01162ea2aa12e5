"""Keeps the gauges true that no request would update."""

import asyncio
import contextlib

from service.errors import UnavailableError
from service.health import Readiness
from service.metrics import Metrics
from service.store import JobStore

INTERVAL_SECONDS = 2.0


async def watch(jobs: JobStore, readiness: Readiness, metrics: Metrics) -> None:
    """Looks at queue, database and Triton until cancelled."""
    queue = None
    while True:
        with contextlib.suppress(UnavailableError):
            queue = await jobs.queue()
        if queue is not None:
            metrics.set_queue(queue.states, queue.oldest, queue.drained)
        await asyncio.gather(readiness.store(), readiness.triton())
        await asyncio.sleep(INTERVAL_SECONDS)
