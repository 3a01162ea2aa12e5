"""Consents: on whose word an identity is here. They go with the identity."""

from dataclasses import asdict, dataclass

from sqlalchemy import insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from service.store.database import Database
from service.store.tables import consents


@dataclass(frozen=True)
class Consent:
    """What was agreed to.

    Attributes:
        given_by: who consented.
        given_time: when, in microseconds since 1970.
        purpose: to what.
        recorded_by: the caller who told us so.
    """

    given_by: str
    given_time: int
    purpose: str
    recorded_by: str


class ConsentStore:
    """The table ``consents``."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def of(self, identity_uid: str) -> Consent | None:
        """The consent to an identity, if one was recorded."""
        columns = [column for column in consents.c if column.name != "identity_uid"]
        statement = select(*columns).where(consents.c.identity_uid == identity_uid)
        async with self._database.read() as connection:
            row = (await connection.execute(statement)).first()
        return None if row is None else Consent(**row._mapping)


async def record_consent(
    connection: AsyncConnection, identity_uid: str, consent: Consent | None
) -> None:
    """Keeps a consent, if one was given, in the transaction that creates its identity."""
    if consent is not None:
        row = {"identity_uid": identity_uid, **asdict(consent)}
        await connection.execute(insert(consents).values(row))
