"""What is left of a training that has ended, and how it goes away.

A source image that still lies there is the mark of unfinished tidying, and so is erased last:
whatever a crash interrupts is found and finished by the next sweep.
"""

import asyncio
import contextlib

import structlog

from service.blobs import SOURCES, BlobStore
from service.cache import IdentityCache
from service.errors import UnavailableError
from service.jobs import JobBackend
from service.settings import RetentionSettings
from service.store import (
    DAY,
    IdentityRecord,
    IdentityState,
    IdentityStore,
    OperationStore,
    Training,
    now,
)
from service.store.records import UNDER_WAY

log = structlog.get_logger()

ACCEPTANCE_SECONDS = 300.0
"""A source image so old without a row belongs to a request that will never be accepted; and a part
of a blob so old to a writer that was killed.
"""

SWEEP_SECONDS = 300.0


class Tidying:
    """Erases what nobody needs any more. Everything here may be done twice."""

    def __init__(
        self,
        identities: IdentityStore,
        operations: OperationStore,
        blobs: BlobStore,
        backend: JobBackend,
        cache: IdentityCache,
        retention: RetentionSettings,
    ) -> None:
        self._identities, self._operations = identities, operations
        self._blobs, self._backend, self._cache = blobs, backend, cache
        self._retention = retention

    async def tidy(self, training: Training) -> None:
        """Erases the source image, the checkpoints and unpublished artifacts of a training.

        If the storage does not answer, a sweep finishes it.
        """
        await self._backend.forget(training.operation.uid)
        identity = training.identity
        try:
            await self._blobs.erase_artifacts(identity.uid, keep=identity.artifact_key)
            await self._blobs.erase_source(identity.uid)
        except UnavailableError:
            log.warning("tidying_postponed", identity=identity.uid)

    async def erase(self, identity: IdentityRecord) -> None:
        """Erases an identity whose deletion has begun; nothing of it trains any more."""
        self._cache.forget(identity.uid)
        for uid in await self._operations.uids_of(identity.uid):
            await self._backend.forget(uid)
        await self._blobs.erase_artifacts(identity.uid)
        await self._blobs.erase_source(identity.uid)
        await self._identities.end_deletion(identity)
        self._cache.forget(identity.uid)  # a request under way may have read it once more

    async def run(self) -> None:
        """Sweeps now and then, until cancelled."""
        while True:
            await asyncio.sleep(SWEEP_SECONDS)
            with contextlib.suppress(UnavailableError):
                await self.sweep()

    async def sweep(self) -> None:
        """Finishes what a crash of any gateway interrupted, and begins what is due by now."""
        for state, days in (
            (IdentityState.READY, self._retention.ready_days),
            (IdentityState.FAILED, self._retention.failed_days),
        ):
            if days is not None:
                await self._identities.expire(state, now() - round(days * DAY))
        for identity in await self._identities.in_state(IdentityState.DELETING):
            await self.erase(identity)
        for uid in self._cache.uids:
            if await self._identities.get_by_uid(uid) is None:  # erased by another gateway
                self._cache.forget(uid)
        await self._blobs.erase_parts(min_age=ACCEPTANCE_SECONDS)
        sources = await self._blobs.ages(SOURCES)
        needed = await self._identities.uids_in(IdentityState.TRAINING)
        for key, age in sources.items():
            uid = key.removeprefix(SOURCES)
            if uid in needed:
                continue
            owner = await self._identities.get_by_uid(uid)
            if owner is None and age < ACCEPTANCE_SECONDS:
                continue  # a request that is just being accepted, perhaps by another gateway
            if owner is None or owner.state is not IdentityState.TRAINING:
                await self._blobs.erase_artifacts(uid, keep=owner.artifact_key if owner else "")
                await self._blobs.erase_source(uid)
        under_way = await self._operations.uids_in(*UNDER_WAY)
        for uid in set(await self._backend.kept()) - under_way:
            training = await self._operations.get(uid)
            if training is None or training.operation.state.done:
                await self._backend.forget(uid)
