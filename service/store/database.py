"""The connection to the database, its migrations and its transactions."""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any

import structlog
from sqlalchemy import URL, update
from sqlalchemy.engine import make_url
from sqlalchemy.exc import InterfaceError, InternalError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from service.errors import UnavailableError
from service.logs import fault
from service.metrics import Metrics, timed
from service.store import schema, tables
from service.store.records import now
from service.store.sqlite import Reader, writing_engine

log = structlog.get_logger()

BUSY_SECONDS = 10
"""How long a writer waits for SQLite's only write lock, or a statement for PostgreSQL."""
CONNECT_SECONDS = 5
POOL_SIZE, POOL_SECONDS = 15, 10
"""Connections of a gateway, and how long one waits for its turn."""
FAULTS = (InterfaceError, InternalError, OperationalError, PoolTimeoutError, OSError)
"""Of the database or the way to it. Internal is, to asyncpg, a connection cut between two rows."""
OUTAGES = ("08", "25", "28", "3D", "40", "53", "57", "58")
"""Classes of SQLSTATE that no statement is to blame for: connection, read-only standby, password,
database, conflict, resources, shutdown, system.
"""


class Database:
    """An SQLite file (one gateway) or PostgreSQL (several).

    Args:
        url: SQLAlchemy URL of the driver aiosqlite or asyncpg.
        metrics: told how long transactions take.
    """

    def __init__(self, url: str, metrics: Metrics | None = None) -> None:
        parsed = make_url(url)
        self._engine = _engine(parsed)
        self._seconds = (metrics or Metrics()).store_seconds
        self._prompt = Reader(parsed) if parsed.get_backend_name() == "sqlite" else None
        # A read is one statement and needs no transaction of its own.
        self._alone = self._engine.execution_options(isolation_level="AUTOCOMMIT")

    async def migrate(self) -> None:
        """Brings the schema to this package's version, unless it is a newer one.

        Raises:
            SchemaError: it is, and this package can't work with it.
            UnavailableError: the database does not answer.
        """
        async with self.write() as connection:
            await connection.run_sync(schema.migrate)

    async def revisions(self) -> tuple[str, str]:
        """The schema's version, empty if there is none, and this package's.

        Raises:
            UnavailableError: the database does not answer.
        """
        async with self.read() as connection:
            return await connection.run_sync(schema.revision), schema.head()

    @asynccontextmanager
    async def write(self) -> AsyncIterator[AsyncConnection]:
        """One transaction: commits at the end, rolls back on an error.

        Raises:
            UnavailableError: the database does not answer, or refuses to write.
        """
        with timed(self._seconds, "write", UnavailableError), _told_as_unavailable():
            async with self._engine.begin() as connection:
                yield connection

    @asynccontextmanager
    async def read(self) -> AsyncIterator[AsyncConnection]:
        """A connection for statements that only read, each on its own.

        Raises:
            UnavailableError: the database does not answer.
        """
        with timed(self._seconds, "read", UnavailableError), _told_as_unavailable():
            if self._prompt is not None:
                yield self._prompt.connection()
            else:
                async with self._alone.connect() as connection:
                    yield connection

    async def beat(self) -> None:
        """Proves that the database accepts a write. Raises :class:`UnavailableError`."""
        async with self.write() as connection:
            await connection.execute(update(tables.heartbeats).values(time=now()))

    async def scrub(self) -> None:
        """Leaves nothing of erased rows in SQLite's log; PostgreSQL vacuums by itself."""
        if self._prompt is not None:
            with _told_as_unavailable():
                async with self._alone.connect() as connection:
                    await connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")

    async def close(self) -> None:
        """Closes all connections."""
        await self._engine.dispose()
        if self._prompt is not None:
            self._prompt.close()


@contextmanager
def _told_as_unavailable() -> Iterator[None]:
    try:
        yield
    except Exception as error:
        if not _is_outage(error):
            raise
        log.error("database_failed", **fault(error))
        raise UnavailableError("the database does not answer", "STORE_UNAVAILABLE") from error


def _is_outage(error: Exception) -> bool:
    """Whether the database is at fault, not the statement."""
    if isinstance(error, FAULTS):
        return True
    state = getattr(getattr(error, "orig", error), "sqlstate", None)  # asyncpg's, perhaps wrapped
    return state is not None and state[:2] in OUTAGES


def _engine(url: URL) -> AsyncEngine:
    options: dict[str, Any] = {
        # Errors must not quote parameters: they end up in logs, and hold what callers sent.
        "hide_parameters": True,
        "pool_size": POOL_SIZE,
        "max_overflow": 0,  # such connections would be opened and closed for each use
        "pool_timeout": POOL_SECONDS,
    }
    if url.get_backend_name() == "sqlite":
        return writing_engine(url, BUSY_SECONDS, **options)
    return create_async_engine(
        url,
        connect_args={"timeout": CONNECT_SECONDS, "command_timeout": BUSY_SECONDS},
        pool_pre_ping=True,
        **options,
    )
