"""What a crash, a lost disk or a restored backup may leave behind, and how it is set right.

Blobs are written before the row that names them and erased before it goes, so there may always be
young blobs without a row: only older ones are told. What is found is named by the service's own
random uids, so that nothing here shows a name, a prompt or a picture. A check sees what the checks
before it have mended: mending once is enough.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from functools import partial

import grpc

from service.backend_local import LocalBackend
from service.blobs import ARTIFACTS, CHECKPOINTS, SOURCES, BlobStore
from service.errors import DataLossError
from service.leadership import led
from service.settings import JobSettings
from service.store import (
    Database,
    Failure,
    IdentityRecord,
    IdentityState,
    IdentityStore,
    JobStore,
    LeadershipStore,
    OperationRecord,
    OperationStore,
    Owner,
    SoundnessStore,
    now,
)
from service.store.records import UNDER_WAY

READS = 16
"""Artifacts that are read at the same time."""

LEFT_OF_TRAINING = "is left of a training that has ended"
LEFT_OF_IDENTITY = "is left of an identity that was erased"

_NO_TRAINING = Failure(
    grpc.StatusCode.INTERNAL.value[0], "TRAINING_FAILED", "the training of the identity was lost"
)


@dataclass(frozen=True)
class Finding:
    """Something that must not be.

    Attributes:
        place: a row or a blob.
        fault: what is wrong with it.
        mend: sets it right; does nothing if it is right by then.
    """

    place: str
    fault: str
    mend: Callable[[], Awaitable[object]]

    def __str__(self) -> str:
        return f"{self.place}: {self.fault}"


class Fsck:
    """Looks through a database and the blobs that belong to it, while gateways may run.

    Args:
        settings: how long trainings may take, and where a gateway of this machine runs them.
        min_age: seconds; what is younger may still be in somebody's hands.
    """

    def __init__(
        self, database: Database, blobs: BlobStore, settings: JobSettings, min_age: float
    ) -> None:
        self._rows, self._identities = SoundnessStore(database), IdentityStore(database)
        self._operations, self._jobs = OperationStore(database), JobStore(database)
        self._leadership = LeadershipStore(database)
        self._blobs, self._settings, self._min_age = blobs, settings, min_age

    async def findings(self) -> AsyncIterator[Finding]:
        """All that is wrong, as it is found.

        Raises:
            UnavailableError: database or storage do not answer.
        """
        for check in (
            self._remains,
            self._untrained,
            self._forsaken_operations,
            self._lost_artifacts,
            self._forsaken_blobs,
            self._forsaken_checkpoints,
        ):
            async for finding in check():
                yield finding

    async def _remains(self) -> AsyncIterator[Finding]:
        for uid in sorted(await self._rows.remains()):
            yield Finding(f"rows of {uid}", LEFT_OF_IDENTITY, partial(self._rows.remove, uid))

    async def _untrained(self) -> AsyncIterator[Finding]:
        for uid in sorted(await self._rows.untrained()):
            mend = partial(self._rows.end_untrained, uid, _NO_TRAINING)
            yield Finding(f"identity {uid}", "waits for a training that is not there", mend)

    async def _forsaken_operations(self) -> AsyncIterator[Finding]:
        """Queued again, an operation that is past its time is failed by whoever leads."""
        running = await self._rows.running()
        lead = not running or await led(self._leadership)
        for operation in running:
            if not lead:
                fault = "is said to run, but no gateway leads"
            elif self._overdue(operation):
                fault = "is said to run, but its time was over long ago"
            else:
                continue
            mend = partial(self._jobs.release, operation.uid, operation.attempt)
            yield Finding(f"operation {operation.uid}", fault, mend)

    def _overdue(self, operation: OperationRecord) -> bool:
        limit = round(self._settings.time_limit_seconds * 1e6)
        ends = (operation.start_time or operation.create_time) + limit
        return min(ends, operation.deadline or ends) < now() - round(self._min_age * 1e6)

    async def _lost_artifacts(self) -> AsyncIterator[Finding]:
        ready = await self._identities.in_state(IdentityState.READY)
        for start in range(0, len(ready), READS):
            some = ready[start : start + READS]
            for record, loss in zip(
                some, await asyncio.gather(*map(self._loss, some)), strict=True
            ):
                if loss is not None:
                    fault = f"is READY, but {loss.message}"
                    mend = partial(self._end_lost, record, loss)
                    yield Finding(f"identity {record.uid}", fault, mend)

    async def _loss(self, record: IdentityRecord) -> DataLossError | None:
        """What is wrong with an identity's artifact; None if the identity is gone meanwhile."""
        try:
            if not record.artifact_key:
                return DataLossError("stored data is missing", "BLOB_MISSING")
            await self._blobs.get(record.artifact_key, record.artifact_digest)
        except DataLossError as error:
            return error if await self._identities.get_by_uid(record.uid) == record else None
        return None

    async def _end_lost(self, record: IdentityRecord, loss: DataLossError) -> None:
        failure = Failure(loss.code.value[0], loss.reason, loss.message)
        if await self._rows.end_lost(record, failure):
            await self._blobs.erase_artifacts(record.uid)

    async def _forsaken_blobs(self) -> AsyncIterator[Finding]:
        keys = [
            key
            for prefix in (SOURCES, ARTIFACTS)
            for key in await self._blobs.list(prefix, self._min_age)
        ]
        owners, erased = await self._rows.owners(), await self._rows.erased()  # after the blobs
        for key in keys:
            uid = key.split("/")[1]
            if uid in erased:
                fault = LEFT_OF_IDENTITY
            elif uid not in owners:
                fault = "belongs to no identity"
            elif _left(key, owners[uid]):
                fault = LEFT_OF_TRAINING
            else:
                continue
            yield Finding(key, fault, partial(self._blobs.delete, key))

    async def _forsaken_checkpoints(self) -> AsyncIterator[Finding]:
        local = LocalBackend(self._settings.work_dir, self._settings.trainer)
        kept = await local.kept() if self._settings.work_dir.exists() else []
        keys = await self._blobs.list(CHECKPOINTS, self._min_age)
        under_way = await self._operations.uids_in(*UNDER_WAY)  # after the checkpoints
        for uid in kept:
            if uid not in under_way:
                place = f"{self._settings.work_dir.name}/{uid}"
                yield Finding(place, LEFT_OF_TRAINING, partial(local.forget, uid))
        for key in keys:
            if key.removeprefix(CHECKPOINTS) not in under_way:
                yield Finding(key, LEFT_OF_TRAINING, partial(self._blobs.delete, key))


def _left(key: str, owner: Owner) -> bool:
    """Whether nobody needs a blob of an identity any more; what is under way tidies up itself."""
    ended = owner.state in (IdentityState.READY, IdentityState.FAILED)
    return ended and key != owner.artifact_key
