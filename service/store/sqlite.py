"""SQLite's ways: one writer at a time, who waits for his turn in a thread; readers, who wait for
nobody, in the event loop. A read takes less time than it takes to wake a thread.
"""

import asyncio
import contextlib
import sqlite3
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar, cast

from sqlalchemy import URL, Connection, CursorResult, Executable, ScalarResult, create_engine, event
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine
from sqlalchemy.pool import AsyncAdaptedQueuePool
from sqlalchemy.util import await_only

READ_SECONDS = 0.1
"""How long a reader may stop the event loop where he must wait: while a crash is mended."""
LOG_SECONDS = 10.0
"""How long a new file that another writes to is waited for."""

Result = TypeVar("Result")


def writing_engine(url: URL, busy_seconds: float, **options: Any) -> AsyncEngine:
    """An engine for transactions that write."""
    if url.database:
        Path(url.database).parent.mkdir(parents=True, exist_ok=True)
    engine = create_async_engine(
        url,
        connect_args={"timeout": busy_seconds},
        poolclass=AsyncAdaptedQueuePool,
        **options,
    )
    event.listen(engine.sync_engine, "connect", _configure)
    event.listen(engine.sync_engine, "begin", _begin)
    event.listen(engine.sync_engine, "invalidate", _roll_back)
    return engine


def _configure(connection: Any, _record: object) -> None:
    connection.isolation_level = None  # transactions are begun below, not by the driver
    cursor = connection.cursor()
    _keep_a_log(cursor)
    for pragma in ("synchronous=FULL", "foreign_keys=ON", "secure_delete=ON"):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _keep_a_log(cursor: Any) -> None:
    """Write-ahead logging, for good. While another writes to a file that does not have it yet,
    SQLite refuses without waiting.
    """
    deadline = time.monotonic() + LOG_SECONDS
    while True:
        try:
            cursor.execute("PRAGMA journal_mode=WAL")
            return
        except sqlite3.OperationalError:
            if time.monotonic() > deadline:
                raise
            await_only(asyncio.sleep(0.05))


def _begin(connection: Connection) -> None:
    if connection.get_execution_options().get("isolation_level") != "AUTOCOMMIT":
        # The write lock at once: a transaction that first reads could not be upgraded later.
        connection.exec_driver_sql("BEGIN IMMEDIATE")


def _roll_back(connection: Any, _record: object, _error: object) -> None:
    """Where a statement was cancelled. To close the connection does not end its transaction, and
    nobody else could write, as long as the statement's cursor is referred to: by a traceback, say.
    """
    with contextlib.suppress(sqlite3.Error):
        connection.rollback()


class Reader:
    """Reads from a file, by one connection: to take another for each read costs twice the read."""

    def __init__(self, url: URL) -> None:
        self._engine = create_engine(
            url.set(drivername="sqlite"),
            connect_args={"timeout": READ_SECONDS},
            isolation_level="AUTOCOMMIT",
            hide_parameters=True,
        )
        event.listen(self._engine, "connect", _only_read)
        self._connection: Connection | None = None

    def connection(self) -> AsyncConnection:
        """The connection, for statements that only read."""
        if self._connection is None:
            self._connection = self._engine.connect()
        return cast(AsyncConnection, _Prompt(self._connection))

    def close(self) -> None:
        """Closes the connection; who reads afterwards opens another."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None
        self._engine.dispose()


def _only_read(connection: Any, _record: object) -> None:
    connection.execute("PRAGMA query_only=ON")


class _Prompt:
    """What readers use of `AsyncConnection`, answered at once."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def execute(
        self, statement: Executable, parameters: Mapping[str, object] | None = None
    ) -> CursorResult[Any]:
        return self._connection.execute(statement, parameters)

    async def scalar(self, statement: Executable) -> Any:
        return self._connection.scalar(statement)

    async def scalars(self, statement: Executable) -> ScalarResult[Any]:
        return self._connection.scalars(statement)

    async def run_sync(self, function: Callable[[Connection], Result]) -> Result:
        return function(self._connection)
