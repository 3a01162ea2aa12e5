"""A gateway's dispatching half on a real database, with trainings that only take time."""

import asyncio
import contextlib
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import numpy as np
from sqlalchemy import insert

from identity import Identity, digest
from service.attempts import Attempts
from service.blobs import BlobStore, source_key
from service.cache import IdentityCache
from service.dispatcher import Dispatcher
from service.encryption import LocalKeys
from service.events import TrainingEvents
from service.following import follow
from service.jobs import Job, Report
from service.leadership import Leadership
from service.metrics import Metrics
from service.settings import JobSettings, RetentionSettings
from service.sources import SourceImages
from service.store import (
    Database,
    IdentityState,
    IdentityStore,
    JobStore,
    LeadershipStore,
    OperationState,
    OperationStore,
    TrainingProgress,
    now,
)
from service.store.tables import identities, operations
from service.tidying import Tidying

IMAGE = bytes(range(256)) * 64
ARTIFACT = Identity(np.zeros((5, 2, 768), np.float32), digest(b""), "person").to_bytes()
GROUP = 8
CHUNK = 2000
QUEUE_LOOK_SECONDS = 2.0


class SimulatedBackend:
    """Trainings that sleep, tell how far they are, and hand in what was ready before.

    See :class:`service.jobs.JobBackend`.

    Args:
        seconds: of a training.
        tells: reports of its progress, spread over that time.
    """

    def __init__(self, seconds: float, tells: int) -> None:
        self._seconds, self._tells = seconds, tells
        self.running = self.ended = 0

    async def train(self, worker: int, job: Job, report: Report) -> bytes:  # noqa: ARG002
        self.running += 1
        try:
            for step in range(1, self._tells + 1):
                await asyncio.sleep(self._seconds / self._tells)
                await report(TrainingProgress(step, self._tells, loss=0.1))
        finally:
            self.running -= 1
        self.ended += 1
        return ARTIFACT

    async def forget(self, uid: str) -> None:
        """Nothing is kept."""

    async def kept(self) -> list[str]:
        return []

    async def close(self) -> None:
        """Nothing runs by itself."""


@asynccontextmanager
async def dispatching(
    database: Database, blobs: BlobStore, backend: SimulatedBackend, workers: int, metrics: Metrics
) -> AsyncIterator[None]:
    """Runs all of a gateway that has to do with the queue, until the block ends."""
    settings = JobSettings(workers=workers, group_size=GROUP)
    store, jobs = OperationStore(database, workers * GROUP), JobStore(database)
    events = TrainingEvents()
    tidying = Tidying(
        IdentityStore(database),
        store,
        blobs,
        backend,
        IdentityCache(blobs, 0, metrics),
        RetentionSettings(),
    )
    sources = SourceImages(blobs, LocalKeys([]), encrypted=False)
    attempts = Attempts(jobs, store, blobs, sources, backend, events, tidying, metrics, settings)
    dispatcher = Dispatcher(jobs, attempts, metrics, settings)
    leadership = Leadership(LeadershipStore(database), str(uuid.uuid4()), metrics)
    tasks = [
        asyncio.create_task(leadership.run(dispatcher.run)),
        asyncio.create_task(follow(store, dispatcher, events)),
        asyncio.create_task(_look_at_the_queue(jobs)),
    ]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.gather(*tasks)


async def _look_at_the_queue(jobs: JobStore) -> None:
    """As every gateway does for its metrics."""
    while True:
        await jobs.queue()
        await asyncio.sleep(QUEUE_LOOK_SECONDS)


async def fill(database: Database, state: OperationState, count: int, tenants: int) -> list[str]:
    """Adds so many trainings of a state, of tenants in turn; the uids of their identities."""
    begun, uids = now(), [str(uuid.uuid4()) for _ in range(count)]
    for start in range(0, count, CHUNK):
        numbers = range(start, min(start + CHUNK, count))
        owners = [
            {"uid": uids[number], "tenant": f"tenant-{number % tenants}"} for number in numbers
        ]
        of_identity = {
            "state": IdentityState.TRAINING,
            "class_noun": "person",
            "create_time": begun,
        }
        of_operation = {
            "state": state,
            "payload_digest": "",
            "image_digest": digest(IMAGE),
            "preset": "default",
            "seed": 0,
            "previews": 0,
            "start_time": None if state is OperationState.QUEUED else begun,
            "end_time": begun if state is OperationState.SUCCEEDED else None,
        }
        async with database.write() as connection:
            await connection.execute(
                insert(identities),
                [{**owner, **of_identity, "identity_id": owner["uid"]} for owner in owners],
            )
            await connection.execute(
                insert(operations),
                [
                    {
                        **of_operation,
                        "uid": str(uuid.uuid4()),
                        "identity_uid": owner["uid"],
                        "tenant": owner["tenant"],
                        "create_time": begun + number,
                    }
                    for number, owner in zip(numbers, owners, strict=True)
                ],
            )
    return uids


async def lay_out(blobs: BlobStore, identity_uids: list[str]) -> None:
    """The source images of trainings that wait."""
    for uid in identity_uids:
        await blobs.put(source_key(uid), IMAGE)
