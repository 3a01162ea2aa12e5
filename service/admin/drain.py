"""Before maintenance: no training is started any more, and those that run come to their end."""

import asyncio
from collections.abc import Callable

from service.store import Database, JobStore, LeadershipStore, OperationState

LOOK_SECONDS = 1.0


async def drain(database: Database, tell: Callable[[str], None]) -> bool:
    """Drains trainings and waits until none runs; a wait that is broken off leaves them drained.

    Args:
        database: whose gateways start none.
        tell: told how many run, whenever that changes.

    Returns:
        False if somebody ended it meanwhile.
    """
    await LeadershipStore(database).drain()
    jobs, told = JobStore(database), 0
    while (queue := await jobs.queue()).drained:
        running = queue.states[OperationState.RUNNING]
        if not running:
            tell(f"no training runs, {queue.states[OperationState.QUEUED]} wait")
            return True
        if running != told:
            tell(f"trainings that still run: {running}")
            told = running
        await asyncio.sleep(LOOK_SECONDS)
    return False
