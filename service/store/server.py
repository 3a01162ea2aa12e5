"""What the database's server says of itself."""

from dataclasses import dataclass

from sqlalchemy import func, select

from service.store.database import Database
from service.store.records import SECOND


@dataclass(frozen=True)
class Server:
    """What a database is.

    Attributes:
        name: with its version, such as ``PostgreSQL 17.5``.
        time: by its own clock, in microseconds since 1970; None: it has none of its own.
    """

    name: str
    time: int | None


async def server_of(database: Database) -> Server:
    """Asks a database. Raises :class:`UnavailableError`."""
    async with database.read() as connection:
        if await connection.run_sync(lambda each: each.dialect.name) == "sqlite":
            version = await connection.scalar(select(func.sqlite_version()))
            return Server(f"SQLite {version}", None)
        statement = select(func.current_setting("server_version"), func.clock_timestamp())
        version, time = (await connection.execute(statement)).one()
    return Server(f"PostgreSQL {version}", round(time.timestamp() * SECOND))
