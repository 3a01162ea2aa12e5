"""API keys: what is kept of them."""

from dataclasses import asdict, dataclass

from sqlalchemy import insert, select, update

from service.store.database import Database
from service.store.records import now
from service.store.tables import api_keys


@dataclass(frozen=True)
class ApiKey:
    """A row of ``api_keys``; attributes are explained in :mod:`service.store.tables`."""

    key_id: str
    tenant: str
    digest: str
    create_time: int
    expire_time: int | None
    revoke_time: int | None


class ApiKeyStore:
    """The table ``api_keys``."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def add(self, key: ApiKey) -> None:
        """Stores a new key."""
        async with self._database.write() as connection:
            await connection.execute(insert(api_keys).values(asdict(key)))

    async def find(self, key_id: str) -> ApiKey | None:
        """The key of an id, even if it was revoked."""
        statement = select(api_keys).where(api_keys.c.key_id == key_id)
        async with self._database.read() as connection:
            row = (await connection.execute(statement)).first()
        return None if row is None else ApiKey(**row._mapping)

    async def all(self) -> list[ApiKey]:
        """All keys, by tenant and age."""
        statement = select(api_keys).order_by(api_keys.c.tenant, api_keys.c.create_time)
        async with self._database.read() as connection:
            return [ApiKey(**row._mapping) for row in await connection.execute(statement)]

    async def revoke(self, key_id: str) -> bool:
        """Ends a key for good; False if there is none that works."""
        statement = (
            update(api_keys)
            .where(api_keys.c.key_id == key_id, api_keys.c.revoke_time.is_(None))
            .values(revoke_time=now())
        )
        async with self._database.write() as connection:
            return bool((await connection.execute(statement)).rowcount)
