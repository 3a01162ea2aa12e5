"""What a step of the schema does with rows that are there."""

from collections.abc import Callable
from pathlib import Path

import pytest
from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError

from service import store
from service.caller import DEFAULT_TENANT
from service.store import Database, IdentityStore, OperationStore

IDENTITY = """INSERT INTO identities VALUES
('uid', 'ann', 'ready', 'person', '', 5, 32, 'artifacts/uid/1', '', 1, 2, NULL, '', '')"""
OPERATION = """INSERT INTO operations (uid, identity_uid, state, request_id, payload_digest,
image_digest, preset, seed, attempt, failures, not_before, step, total_steps, loss, denoising_loss,
attention_loss, seconds_left, create_time, failure_reason, failure_message)
VALUES ('operation', 'uid', 'succeeded', NULL, '', '', '',
0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 1, '', '')"""
ROW = """INSERT INTO audit (time, tenant, subject, action, identity_uid, outcome, reason)
VALUES (1, '', '', '', '', '', '')"""


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


@pytest.mark.parametrize("change", ["UPDATE audit SET outcome = 'OK'", "DELETE FROM audit"])
async def test_the_audit_log_only_grows(database: Database, change: str) -> None:
    async with database.write() as connection:
        await connection.execute(text(ROW))
    with pytest.raises(DBAPIError, match="append-only"):
        async with database.write() as connection:
            await connection.execute(text(change))
    async with database.read() as connection:
        assert await connection.scalar(text("SELECT count(*) FROM audit")) == 1
