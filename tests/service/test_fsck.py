"""A store is broken in every way that `likeness-admin fsck` knows, found out and set right."""

import asyncio
import contextlib
import sqlite3
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from sqlalchemy import Executable, delete, insert, text, update
from sqlalchemy.engine import make_url

from identity import digest
from service import leadership
from service.admin.fsck import Fsck
from service.blobs import BlobStore, artifact_key, checkpoint_key, source_key
from service.caller import DEFAULT_TENANT
from service.settings import JobSettings
from service.store import (
    Consent,
    Database,
    IdentityRecord,
    IdentityState,
    IdentityStore,
    JobStore,
    LeadershipStore,
    NewTraining,
    OperationState,
    OperationStore,
    Training,
    now,
    tables,
)
from service.store.jobs import Artifact

DATA = b"five tokens"


@dataclass
class Place:
    """A database and its blobs, with an identity of each kind in good order."""

    url: str
    database: Database
    blobs: BlobStore
    settings: JobSettings

    def __post_init__(self) -> None:
        self.operations, self.jobs = OperationStore(self.database), JobStore(self.database)
        self.identities = IdentityStore(self.database)
        self.leadership = LeadershipStore(self.database)

    async def queued(self) -> Training:
        consent = Consent("somebody", 1, "a test", "anyone")
        uid = str(uuid.uuid4())
        new = NewTraining(
            uid, f"i-{uid}", "person", "default", 0, "sha256:0", None, "sha256:0", consent=consent
        )
        await self.blobs.put(source_key(uid), b"an image")
        created = await self.operations.create(new)
        assert created is not None
        return created

    async def running(self) -> Training:
        created = await self.queued()
        reign = await self.leadership.reign()
        term = await self.leadership.take(reign, "a gateway")
        assert term is not None
        claimed = await self.jobs.claim(term)
        assert claimed is not None
        assert claimed.operation.uid == created.operation.uid, "another one waits before it"
        return claimed

    async def ready(self) -> IdentityRecord:
        claimed = await self.running()
        uid = claimed.identity.uid
        key = artifact_key(uid, 1)
        await self.blobs.put(key, DATA)
        artifact = Artifact(key, digest(DATA), "sha256:1", 5, 32)
        assert await self.jobs.publish(claimed.operation.uid, 1, artifact)
        await self.blobs.delete(source_key(uid))
        return await self.identity(uid)

    async def erased(self) -> IdentityRecord:
        record = await self.ready()
        assert await self.identities.begin_deletion(DEFAULT_TENANT, record.identity_id)
        await self.blobs.erase_artifacts(record.uid)
        await self.identities.end_deletion(record)
        return record

    async def identity(self, uid: str) -> IdentityRecord:
        record = await self.identities.get_by_uid(uid)
        assert record is not None
        return record

    async def state(self, operation: str) -> OperationState:
        training = await self.operations.get(operation)
        assert training is not None
        return training.operation.state

    async def found(self, *, mend: bool = False, min_age: float = 0) -> list[str]:
        lines = []
        look = Fsck(self.database, self.blobs, self.settings, min_age)
        async for finding in look.findings():
            lines.append(str(finding))
            if mend:
                await finding.mend()
        return lines

    @asynccontextmanager
    async def led(self) -> AsyncIterator[None]:
        """While a gateway shows that it leads."""

        async def beat() -> None:
            while True:
                await self.leadership.beat((await self.leadership.reign()).term)
                await asyncio.sleep(0.02)

        beating = asyncio.create_task(beat())
        yield
        beating.cancel()
        await asyncio.wait([beating])  # or its connection would never be closed


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(leadership, "SILENCE_SECONDS", 0.5)
    monkeypatch.setattr(leadership, "BEAT_SECONDS", 0.1)


@pytest.fixture
async def place(database: Database, url: str, tmp_path: Path) -> Place:
    """SQLite with a directory, PostgreSQL with an object store."""
    blobs = "memory:///" if url.startswith("postgres") else (tmp_path / "blobs").as_uri()
    (tmp_path / "jobs").mkdir()
    return Place(url, database, BlobStore(blobs), JobSettings(work_dir=tmp_path / "jobs"))


async def test_what_is_in_good_order_is_left_alone(place: Place) -> None:
    await place.ready()
    await place.erased()
    running = (await place.running()).operation
    deleting = await place.ready()
    await place.identities.begin_deletion(DEFAULT_TENANT, deleting.identity_id)
    await place.blobs.put(artifact_key(deleting.uid, 2), DATA)
    await place.queued()
    await place.blobs.put(checkpoint_key(running.uid), b"half way")
    (place.settings.work_dir / running.uid).mkdir()
    async with place.led():
        assert await place.found(mend=True) == []
    await place.blobs.put(source_key("just-sent"), b"an image")
    await place.blobs.put(artifact_key("just-sent", 0), DATA)
    async with place.led():
        assert await place.found(min_age=60) == []
    assert await place.state(running.uid) is OperationState.RUNNING


async def _artifact_gone(place: Place) -> str:
    record = await place.ready()
    await place.blobs.delete(record.artifact_key)
    return f"identity {record.uid}: is READY, but stored data is missing"


async def _artifact_damaged(place: Place) -> str:
    record = await place.ready()
    await place.blobs.put(record.artifact_key, DATA[::-1])
    return f"identity {record.uid}: is READY, but stored data is damaged"


async def _artifact_unnamed(place: Place) -> str:
    record = await place.ready()
    await place.blobs.erase_artifacts(record.uid)
    uid = tables.identities.c.uid
    await _execute(place, update(uid.table).where(uid == record.uid).values(artifact_key=""))
    return f"identity {record.uid}: is READY, but stored data is missing"


async def _artifact_without_row(place: Place) -> str:
    key = artifact_key(str(uuid.uuid4()), 0)
    await place.blobs.put(key, DATA)
    return f"{key}: belongs to no identity"


async def _source_without_row(place: Place) -> str:
    key = source_key(str(uuid.uuid4()))
    await place.blobs.put(key, b"an image")
    return f"{key}: belongs to no identity"


async def _source_after_training(place: Place) -> str:
    key = source_key((await place.ready()).uid)
    await place.blobs.put(key, b"an image")
    return f"{key}: is left of a training that has ended"


async def _artifact_of_another_attempt(place: Place) -> str:
    key = artifact_key((await place.ready()).uid, 2)
    await place.blobs.put(key, DATA)
    return f"{key}: is left of a training that has ended"


async def _checkpoint_after_training(place: Place) -> str:
    record = await place.ready()
    (operation,) = await place.operations.uids_of(record.uid)
    await place.blobs.put(checkpoint_key(operation), b"half way")
    return f"{checkpoint_key(operation)}: is left of a training that has ended"


async def _job_directory_without_row(place: Place) -> str:
    uid = str(uuid.uuid4())
    (place.settings.work_dir / uid).mkdir()
    (place.settings.work_dir / uid / "image").write_bytes(b"an image")
    return f"jobs/{uid}: is left of a training that has ended"


async def _blob_of_the_erased(place: Place) -> str:
    key = artifact_key((await place.erased()).uid, 1)
    await place.blobs.put(key, DATA)
    return f"{key}: is left of an identity that was erased"


async def _row_of_the_erased(place: Place) -> str:
    record = await place.queued()
    row = {"identity_uid": record.identity.uid, "tenant": "", "create_time": 1, "erase_time": 2}
    await _execute(place, insert(tables.tombstones).values(row))
    await place.blobs.delete(source_key(record.identity.uid))
    return f"rows of {record.identity.uid}: is left of an identity that was erased"


async def _rows_without_identity(place: Place) -> str:
    record = await place.ready()
    await place.blobs.erase_artifacts(record.uid)
    gone = f"DELETE FROM identities WHERE uid = '{record.uid}'"
    if place.url.startswith("sqlite"):  # whose shell does not look at references
        with contextlib.closing(sqlite3.connect(make_url(place.url).database or "")) as shell:
            shell.execute(gone)
            shell.commit()
    else:
        async with place.database.write() as connection:
            await connection.execute(text("SET LOCAL session_replication_role = replica"))
            await connection.execute(text(gone))
    return f"rows of {record.uid}: is left of an identity that was erased"


async def _training_lost(place: Place) -> str:
    record = await place.queued()
    await place.blobs.delete(source_key(record.identity.uid))
    uid = tables.operations.c.uid
    await _execute(place, delete(uid.table).where(uid == record.operation.uid))
    return f"identity {record.identity.uid}: waits for a training that is not there"


BREAKS: list[Callable[[Place], Awaitable[str]]] = [
    _artifact_gone,
    _artifact_damaged,
    _artifact_unnamed,
    _artifact_without_row,
    _source_without_row,
    _source_after_training,
    _artifact_of_another_attempt,
    _checkpoint_after_training,
    _job_directory_without_row,
    _blob_of_the_erased,
    _rows_without_identity,
    _training_lost,
    _row_of_the_erased,  # leaves a job behind that waits
]


async def _execute(place: Place, statement: Executable) -> None:
    async with place.database.write() as connection:
        await connection.execute(statement)


@pytest.mark.parametrize("url", ["sqlite"], indirect=True)
@pytest.mark.parametrize("broken", BREAKS, ids=lambda broken: broken.__name__.strip("_"))
async def test_each_fault_is_found_and_set_right(
    place: Place, broken: Callable[[Place], Awaitable[str]]
) -> None:
    sound, erased = await place.ready(), await place.erased()
    expected = await broken(place)
    assert await place.found() == [expected]
    assert await place.found(mend=True) == [expected]
    assert await place.found() == []
    assert await place.identity(sound.uid) == sound
    assert await place.blobs.get(sound.artifact_key, sound.artifact_digest) == DATA
    assert await place.identities.get_by_uid(erased.uid) is None


async def test_all_faults_at_once_are_set_right_at_once(place: Place) -> None:
    expected = {await broken(place) for broken in BREAKS}
    assert set(await place.found()) == expected
    await place.found(mend=True)
    assert await place.found() == []


async def test_a_lost_artifact_fails_its_identity(place: Place) -> None:
    record = await place.ready()
    await place.blobs.put(record.artifact_key, b"other tokens")
    await place.found(mend=True)
    ended = await place.identity(record.uid)
    assert (ended.state, ended.failure_reason) == (IdentityState.FAILED, "BLOB_DAMAGED")
    assert await place.blobs.find(record.artifact_key) is None


async def test_what_runs_while_nobody_leads_is_queued_again(place: Place) -> None:
    uid = (await place.running()).operation.uid
    expected = [f"operation {uid}: is said to run, but no gateway leads"]
    assert await place.found(mend=True) == expected
    assert await place.state(uid) is OperationState.QUEUED
    assert await place.found() == []


async def test_what_runs_past_its_time_is_queued_again(place: Place) -> None:
    uid = (await place.running()).operation.uid
    late = await place.running()
    column = tables.operations.c.uid
    of_late = update(tables.operations).where(column == late.operation.uid)
    await _execute(place, of_late.values(deadline=now() - 100_000_000))
    async with place.led():
        assert await place.found(min_age=200) == []
        expected = [
            f"operation {late.operation.uid}: is said to run, but its time was over long ago"
        ]
        assert await place.found(mend=True) == expected
    assert await place.state(late.operation.uid) is OperationState.QUEUED
    assert await place.state(uid) is OperationState.RUNNING
