"""The dispatcher before a long queue, and with many trainings at once.

Work is counted, not timed: instructions of SQLite's virtual machine, rows that PostgreSQL reads.
"""

import asyncio
import itertools
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Select, select, text
from sqlalchemy.dialects import postgresql

from benchmarks.simulated_trainings import SimulatedBackend, dispatching, fill, lay_out
from service import attempts
from service.blobs import BlobStore
from service.metrics import Metrics
from service.store import SECOND, Database, JobStore, OperationState
from service.store.jobs import select_late, select_next_time
from service.store.tables import operations
from service.store.turns import select_next

SHORT, LONG, TENANTS = 100, 2000, 5


async def work(database: Database, statement: Select[Any]) -> int:
    """How much a query has to do."""
    async with database.write() as connection:
        driver: Any = (await connection.get_raw_connection()).driver_connection
        if connection.dialect.name == "sqlite":
            steps = itertools.count()
            await driver.set_progress_handler(lambda: next(steps) and None, 1)
            await connection.execute(statement)
            await driver.set_progress_handler(None, 1)
            return next(steps)
        await connection.execute(text("ANALYZE operations"))
        query = statement.compile(
            dialect=postgresql.dialect(), compile_kwargs={"literal_binds": True}
        )
        explained = f"EXPLAIN (ANALYZE, FORMAT JSON) {query}"
        plan = await connection.scalar(text(explained.replace(":", r"\\:")))
    return rows_read(plan[0]["Plan"])


def rows_read(node: dict[str, Any]) -> int:
    """By the scans of a plan, those included that they throw away."""
    own = 0
    if node["Node Type"].endswith("Scan"):
        removed = sum(value for name, value in node.items() if name.startswith("Rows Removed"))
        own = round((node["Actual Rows"] + removed) * node["Actual Loops"])
    return own + sum(map(rows_read, node.get("Plans", ())))


async def test_a_long_queue_is_no_more_work(database: Database) -> None:
    queries = {
        "claim": lambda: select_next(64, SECOND),
        "expire": select_late,
        "next time": lambda: select_next_time(SECOND),
    }
    await fill(database, OperationState.SUCCEEDED, SHORT, TENANTS)
    await fill(database, OperationState.QUEUED, SHORT, TENANTS)
    before = {name: await work(database, query()) for name, query in queries.items()}
    await fill(database, OperationState.SUCCEEDED, LONG, TENANTS)
    await fill(database, OperationState.QUEUED, LONG, TENANTS)
    after = {name: await work(database, query()) for name, query in queries.items()}
    assert all(after[name] < 1.5 * before[name] + SHORT for name in queries), (before, after)


async def test_many_trainings_share_the_records_of_progress(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(attempts, "FEW", 0)
    monkeypatch.setattr(attempts, "RECORDS_PER_SECOND", 0.1)
    uids = await fill(database, OperationState.QUEUED, 4, TENANTS)
    blobs = BlobStore((tmp_path / "blobs").as_uri())
    await lay_out(blobs, uids)
    backend = SimulatedBackend(seconds=0.5, tells=50)
    async with dispatching(database, blobs, backend, workers=1, metrics=Metrics()):
        while (await JobStore(database).queue()).states["succeeded"] < 4:  # noqa: ASYNC110
            await asyncio.sleep(0.05)
    async with database.read() as connection:
        changes = set(await connection.scalars(select(operations.c.sequence)))
    assert changes == {4}  # asked for, begun, one record of progress, ended
