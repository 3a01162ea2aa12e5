"""Consents: on whose word an identity is here. They go with the identity."""

from dataclasses import asdict, dataclass

from sqlalchemy import insert
from sqlalchemy.ext.asyncio import AsyncConnection

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


async def record_consent(
    connection: AsyncConnection, identity_uid: str, consent: Consent | None
) -> None:
    """Keeps a consent, if one was given, in the transaction that creates its identity."""
    if consent is not None:
        row = {"identity_uid": identity_uid, **asdict(consent)}
        await connection.execute(insert(consents).values(row))
