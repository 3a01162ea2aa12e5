"""What a step of the schema does with rows that are there, and with a package that is older."""

from collections.abc import Callable
from pathlib import Path

import pytest
from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError

from likeness.v1 import identity_service_pb2 as pb
from service import store
from service.caller import DEFAULT_TENANT
from service.store import Database, IdentityStore, OperationStore, SchemaError
from tests.service.gateway import Gateway, identity_of, scripted

IDENTITY = """INSERT INTO identities VALUES
('uid', 'ann', 'ready', 'person', '', 5, 32, 'artifacts/uid/1', '', 1, 2, NULL, '', '')"""
OPERATION = """INSERT INTO operations (uid, identity_uid, state, request_id, payload_digest,
image_digest, preset, seed, attempt, failures, not_before, step, total_steps, loss, denoising_loss,
attention_loss, seconds_left, create_time, failure_reason, failure_message)
VALUES ('operation', 'uid', 'succeeded', NULL, '', '', '',
0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 1, '', '')"""
ROW = """INSERT INTO audit (time, tenant, subject, action, identity_uid, outcome, reason)
VALUES (1, '', '', '', '', '', '')"""

HEARTBEATS = """CREATE TABLE heartbeats (name VARCHAR(32) PRIMARY KEY, time BIGINT NOT NULL,
place VARCHAR(16) NOT NULL)"""


def _move(connection: Connection, direction: Callable[[Config, str], None]) -> None:
    """To the step before tenants."""
    config = Config()
    config.set_main_option("script_location", str(Path(store.__file__).parent / "migrations"))
    config.attributes["connection"] = connection
    direction(config, "0003")


async def test_what_was_there_becomes_the_default_tenants(url: str) -> None:
    database = Database(url)
    async with database.write() as connection:
        await connection.run_sync(_move, command.upgrade)
        await connection.execute(text(IDENTITY))
        await connection.execute(text(OPERATION))
    await database.migrate()
    identities, operations = IdentityStore(database), OperationStore(database)
    for tenant, found in ((DEFAULT_TENANT, True), ("another", False)):
        assert (await identities.get(tenant, "ann") is not None) is found
        assert (await operations.get_of(tenant, "operation") is not None) is found
    async with database.write() as connection:
        await connection.run_sync(_move, command.downgrade)
        for table in ("identities", "operations"):
            assert await connection.scalar(text(f"SELECT count(*) FROM {table}")) == 1
    await database.close()


async def later(database: Database, *changes: str) -> None:
    """Does as a later version's step of the schema would."""
    async with database.write() as connection:
        for each in (*changes, "UPDATE alembic_version SET version_num = '9999'"):
            await connection.execute(text(each))


async def test_a_package_that_is_rolled_back_serves_on_a_newer_schema(
    start_gateway: Callable[..., Gateway], light_bundle: Path, photo: bytes
) -> None:
    gateway = start_gateway(BUNDLE=str(light_bundle), **scripted("succeed"))
    gateway.stop()
    database = Database(gateway.database)
    await later(
        database,
        "CREATE TABLE moods (uid VARCHAR(36) PRIMARY KEY)",
        "ALTER TABLE operations ADD COLUMN mood VARCHAR(16) NOT NULL DEFAULT ''",
        "ALTER TABLE identities ADD COLUMN mood VARCHAR(16)",
    )
    await database.close()
    gateway.start()
    async with gateway.stubs() as stubs:
        learned = identity_of(await stubs.finished(await stubs.train(photo)))
    assert learned.state == pb.Identity.STATE_READY
    (warned,) = gateway.events("schema_is_newer")
    assert (warned["level"], warned["schema"]) == ("warning", "9999")


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        (["DROP TABLE tombstones"], "it has no table tombstones"),
        (["ALTER TABLE audit RENAME COLUMN proof TO evidence"], "audit has no column proof"),
        (["DROP TABLE heartbeats", HEARTBEATS], "heartbeats.place must be filled in"),
    ],
)
async def test_a_newer_schema_that_does_not_fit_is_refused(
    database: Database, changes: list[str], told: str
) -> None:
    await later(database, *changes)
    with pytest.raises(SchemaError, match=f"the schema 9999 is newer than this package: {told}"):
        await database.migrate()


@pytest.mark.parametrize("change", ["UPDATE audit SET outcome = 'OK'", "DELETE FROM audit"])
async def test_the_audit_log_only_grows(database: Database, change: str) -> None:
    async with database.write() as connection:
        await connection.execute(text(ROW))
    with pytest.raises(DBAPIError, match="append-only"):
        async with database.write() as connection:
            await connection.execute(text(change))
    async with database.read() as connection:
        assert await connection.scalar(text("SELECT count(*) FROM audit")) == 1
