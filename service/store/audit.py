"""Who did what to which identity: rows that the database lets nobody change or delete.

What a call changes is written down in the transaction that changes it, by :func:`write_down`; all
else by :mod:`service.audit`.
"""

from collections.abc import AsyncIterator, Sequence
from dataclasses import asdict, dataclass

from sqlalchemy import insert, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from service.caller import Caller, act
from service.store.database import Database
from service.store.records import now
from service.store.tables import audit

OK = "OK"
_PAGE = 1000


@dataclass(frozen=True)
class Entry:
    """A row of ``audit``; attributes are explained in :mod:`service.store.tables`."""

    time: int
    tenant: str
    subject: str
    proof: str
    action: str
    identity_uid: str = ""
    operation_uid: str = ""
    outcome: str = OK
    reason: str = ""


class AuditStore:
    """The table ``audit``."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def append(self, entries: Sequence[Entry]) -> None:
        """Adds rows."""
        async with self._database.write() as connection:
            await connection.execute(insert(audit), [asdict(entry) for entry in entries])

    async def read(
        self, tenant: str = "", resource: str = "", since: int = 0
    ) -> AsyncIterator[Entry]:
        """Rows in the order in which they were written.

        Args:
            tenant: only this one's; all if empty.
            resource: uid of an identity or an operation: only what concerns it; all if empty.
            since: microseconds since 1970.
        """
        wanted = [audit.c.time >= since]
        if tenant:
            wanted.append(audit.c.tenant == tenant)
        if resource:
            wanted.append(or_(audit.c.identity_uid == resource, audit.c.operation_uid == resource))
        last = 0
        while True:
            statement = (
                select(audit)
                .where(audit.c.number > last, *wanted)
                .order_by(audit.c.number)
                .limit(_PAGE)
            )
            async with self._database.read() as connection:
                rows = (await connection.execute(statement)).all()
            for row in rows:
                values = dict(row._mapping)
                last = values.pop("number")
                yield Entry(**values)
            if len(rows) < _PAGE:
                return


async def write_down(
    connection: AsyncConnection,
    tenant: str,
    identity_uid: str,
    operation_uid: str = "",
    service: str = "",
) -> None:
    """Writes down, in the transaction that does it, what the call under way does.

    Args:
        service: what the service does of its own accord; without it and outside of a call
            nothing is written.
    """
    if (doing := act()) is not None:
        caller, action = doing.caller, doing.method
        doing.written = True
    elif service:
        caller, action = Caller(tenant, "service"), service
    else:
        return
    entry = Entry(now(), tenant, caller.subject, caller.proof, action, identity_uid, operation_uid)
    await connection.execute(insert(audit).values(asdict(entry)))
