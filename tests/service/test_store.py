"""The store by itself: pages, fencing, migrations."""

import asyncio
import sqlite3
import uuid
from dataclasses import replace
from pathlib import Path

import asyncpg
import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection, Engine, delete, event, update
from sqlalchemy.exc import InternalError
from structlog.testing import capture_logs

from service.caller import DEFAULT_TENANT
from service.errors import UnavailableError
from service.store import (
    Database,
    Failure,
    IdentityState,
    IdentityStore,
    JobStore,
    NewTraining,
    OperationState,
    OperationStore,
    PageTokenError,
    Training,
    TrainingProgress,
    now,
    tables,
)
from service.store.jobs import Artifact
from service.store.paging import decode_token, encode_token
from tests.support.postgres import PostgresServer

ARTIFACT = Artifact("artifacts/x/1", "sha256:1", "sha256:2", 5, 32)
FAILURE = Failure(13, "REASON", "a sentence")
A_SECOND = """WITH RECURSIVE
counted(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM counted WHERE n < 3000000)
SELECT count(*) FROM counted"""
"""A statement that takes about so long."""


def new(identity_id: str) -> NewTraining:
    return NewTraining(
        identity_uid=str(uuid.uuid4()),
        identity_id=identity_id,
        class_noun="person",
        preset="default",
        seed=0,
        image_digest="sha256:0",
        request_id=None,
        payload_digest="sha256:0",
    )


async def test_migrations_make_the_tables(database: Database) -> None:
    def differences(connection: Connection) -> list[object]:
        return list(compare_metadata(MigrationContext.configure(connection), tables.metadata))

    async with database.write() as connection:
        assert await connection.run_sync(differences) == []


async def test_only_the_holder_of_an_attempt_writes(database: Database, term: int) -> None:
    operations, jobs, identities = (
        OperationStore(database),
        JobStore(database),
        IdentityStore(database),
    )
    created = await operations.create(new("ann"))
    assert created is not None
    uid = created.operation.uid
    first = await jobs.claim(term)
    assert first is not None
    assert (first.operation.attempt, first.operation.state) == (1, OperationState.RUNNING)
    assert await jobs.claim(term) is None
    assert await jobs.release_all(term) == 1
    second = await jobs.claim(term)
    assert second is not None
    assert second.operation.attempt == 2
    for written in (
        await jobs.holds(uid, 1),
        await jobs.record_progress(uid, 1, TrainingProgress(1, 2)),
        await jobs.publish(uid, 1, ARTIFACT),
        await jobs.fail(uid, 1, FAILURE),
        await jobs.retry(uid, 1, 0),
        await jobs.release(uid, 1),
    ):
        assert not written
    assert await jobs.publish(uid, 2, ARTIFACT)
    assert not await jobs.publish(uid, 2, replace(ARTIFACT, key="artifacts/x/2"))
    assert not await jobs.fail(uid, 2, FAILURE)
    assert not await operations.cancel(uid, FAILURE)
    identity = await identities.get(DEFAULT_TENANT, "ann")
    assert identity is not None
    assert (identity.state, identity.artifact_key) == (IdentityState.READY, ARTIFACT.key)


async def test_who_did_not_hear_that_an_end_was_stored_may_store_it_again(
    database: Database, term: int
) -> None:
    operations, jobs = OperationStore(database), JobStore(database)
    for name in ("ann", "ben"):
        await operations.create(new(name))
    published, failed = [claimed.operation.uid for claimed in await _claims(jobs, term, 2)]
    for _ in range(2):
        assert await jobs.publish(published, 1, ARTIFACT)
        assert await jobs.fail(failed, 1, FAILURE)
    assert not await jobs.fail(failed, 2, FAILURE)
    assert not await jobs.fail(failed, 1, replace(FAILURE, reason="ANOTHER"))


async def test_a_cancelled_attempt_cannot_publish(database: Database, term: int) -> None:
    operations, jobs, identities = (
        OperationStore(database),
        JobStore(database),
        IdentityStore(database),
    )
    await operations.create(new("ann"))
    claimed = await jobs.claim(term)
    assert claimed is not None
    assert await operations.cancel(claimed.operation.uid, FAILURE)
    assert not await jobs.publish(claimed.operation.uid, 1, ARTIFACT)
    identity = await identities.get(DEFAULT_TENANT, "ann")
    assert identity is not None
    assert (identity.state, identity.failure_reason) == (IdentityState.FAILED, "REASON")


async def test_jobs_that_nobody_runs_are_queued_again(database: Database, term: int) -> None:
    operations, jobs = OperationStore(database), JobStore(database)
    for name in ("ann", "ben"):
        await operations.create(new(name))
    held, lost = await _claims(jobs, term, 2)
    assert await jobs.release_all(term, {held.operation.uid}) == 1
    assert await jobs.holds(held.operation.uid, 1)
    (again,) = await _claims(jobs, term, 1)
    assert (again.operation.uid, again.operation.attempt) == (lost.operation.uid, 2)


async def _claims(jobs: JobStore, term: int, count: int) -> list[Training]:
    claimed = [await jobs.claim(term) for _ in range(count)]
    assert None not in claimed
    return [each for each in claimed if each]


async def test_a_job_is_claimed_once_and_in_order(database: Database, term: int) -> None:
    operations, jobs = OperationStore(database), JobStore(database, retry_seconds=60)
    made = [await operations.create(new(f"identity-{index}")) for index in range(6)]
    claimed = await asyncio.gather(*(jobs.claim(term) for _ in range(8)))
    got = sorted(each.operation.uid for each in claimed if each)
    assert got == sorted(each.operation.uid for each in made if each)
    queue = await jobs.queue()
    assert (queue.states["queued"], queue.oldest) == (0, None)
    assert made[0] is not None
    assert await jobs.retry(made[0].operation.uid, 1, now() + 60_000_000)
    assert await jobs.claim(term) is None
    assert (await jobs.queue()).states["queued"] == 1


async def test_a_request_id_counts_for_a_day(database: Database) -> None:
    operations = OperationStore(database)
    request_id = str(uuid.uuid4())
    first = await operations.create(replace(new("ann"), request_id=request_id))
    assert first is not None
    assert await _made_by(operations, request_id) == first.operation.uid
    assert await operations.create(replace(new("bob"), request_id=request_id)) is None
    a_day_ago = now() - 24 * 3600 * 1_000_000
    async with database.write() as connection:
        await connection.execute(update(tables.operations).values(create_time=a_day_ago))
    assert await _made_by(operations, request_id) is None
    second = await operations.create(replace(new("bob"), request_id=request_id))
    assert second is not None
    assert await _made_by(operations, request_id) == second.operation.uid


async def _made_by(operations: OperationStore, request_id: str) -> str | None:
    found = await operations.by_request_id("default", request_id)
    return found and found.operation.uid


@given(time=st.integers(0, 2**63 - 1), uid=st.uuids().map(str))
def test_a_token_leads_back_to_its_place(time: int, uid: str) -> None:
    assert decode_token(encode_token(time, uid)) == (time, uid)


@given(st.text() | st.binary().map(lambda data: data.decode("latin-1")))
def test_any_other_token_is_refused_cleanly(token: str) -> None:
    try:
        place = decode_token(token)
    except PageTokenError:
        return
    assert decode_token(encode_token(*place)) == place


@settings(max_examples=8, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    count=st.integers(0, 12),
    size=st.integers(1, 5),
    changes=st.lists(st.integers(0, 11), max_size=6),
)
def test_pages_hold_every_lasting_row_once(
    url: str, count: int, size: int, changes: list[int]
) -> None:
    """Rows that come and go between pages neither repeat nor hide the others."""

    async def scenario() -> None:
        database = Database(url)
        await database.migrate()
        async with database.write() as connection:
            await connection.execute(delete(tables.identities))  # of the example before
        operations, identities = OperationStore(database), IdentityStore(database)
        names = [f"identity-{index}" for index in range(count)]
        for name in names:
            await operations.create(new(name))
        seen, token, gone = [], "", set()
        pending = list(changes)
        while True:
            page = await identities.page(DEFAULT_TENANT, size, token)
            assert len(page.rows) <= size
            seen += [row.identity_id for row in page.rows]
            if not (token := page.next_token):
                break
            if pending:
                await operations.create(new(f"later-{len(pending)}"))
                victim = f"identity-{pending.pop()}"
                if (record := await identities.begin_deletion(DEFAULT_TENANT, victim)) is not None:
                    await identities.end_deletion(record)
                    gone.add(victim)
        assert len(set(seen)) == len(seen)
        assert set(names) - gone <= set(seen)
        assert not any(name.startswith("later") for name in seen)
        await database.close()

    asyncio.run(scenario())


async def test_an_outage_is_told_and_passes(postgres: PostgresServer) -> None:
    database = Database(postgres.database())
    await database.migrate()

    async def write_during_a_crash() -> None:
        async with database.write() as connection:
            await connection.execute(delete(tables.identities))
            with postgres.outage():
                pass
            await connection.execute(delete(tables.operations))

    with capture_logs() as logs:
        with pytest.raises(UnavailableError):
            await write_during_a_crash()
        with postgres.outage(), pytest.raises(UnavailableError):
            await database.beat()
    assert [entry["event"] for entry in logs] == ["database_failed"] * 2
    await database.beat()
    await database.close()


async def test_a_connection_that_is_cut_between_two_rows_is_an_outage(tmp_path: Path) -> None:
    """asyncpg then says that it is out of step with the server, now and then."""
    database = Database(f"sqlite+aiosqlite:///{tmp_path}/likeness.db")
    await database.migrate()
    cut = InternalError("INSERT", {}, asyncpg.InternalClientError("unexpected state"))
    with capture_logs(), pytest.raises(UnavailableError):
        async with database.write():
            raise cut
    await database.close()


async def test_a_cancelled_statement_keeps_nobody_from_writing(tmp_path: Path) -> None:
    """Also where its traceback lives on: as while an attempt that was cancelled is released."""
    database = Database(f"sqlite+aiosqlite:///{tmp_path}/likeness.db")
    await database.migrate()
    begun = asyncio.Event()

    def executes(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        if statement == A_SECOND:
            begun.set()

    async def write() -> None:
        try:
            async with database.write() as connection:
                await connection.exec_driver_sql(A_SECOND)
        except asyncio.CancelledError:
            await database.beat()

    event.listen(Engine, "before_cursor_execute", executes)
    try:
        writing = asyncio.create_task(write())
        await begun.wait()
        writing.cancel()
        await writing
    finally:
        event.remove(Engine, "before_cursor_execute", executes)
        await database.close()


async def test_a_new_file_that_another_writes_to_is_waited_for(tmp_path: Path) -> None:
    other = sqlite3.connect(tmp_path / "store.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    asyncio.get_running_loop().call_later(0.5, other.close)
    database = Database(f"sqlite+aiosqlite:///{tmp_path}/store.db")
    await database.migrate()
    await database.beat()
    await database.close()
