"""Which gateway dispatches: one row that the leader keeps changing.

The row also says whether jobs are drained: then the leader gives out none.

Nobody's clock is compared with another's. The leader adds one to ``beat`` every now and then; who
has seen the same beat for too long takes over, under the next term. Whatever only the leader may
do names its term within the same transaction, so a leader that was overtaken without noticing,
however late it wakes, does nothing.
"""

from dataclasses import dataclass

from sqlalchemy import Update, func, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from service.store.database import Database
from service.store.records import now
from service.store.tables import leadership


class NotLeaderError(Exception):
    """Another gateway leads, under a later term."""


@dataclass(frozen=True)
class Reign:
    """The row.

    Attributes:
        holder: who leads; empty if the last leader resigned.
        term: counts the leaders.
        beat: counts the leader's signs of life.
    """

    holder: str
    term: int
    beat: int


class LeadershipStore:
    """The table ``leadership``, of one row."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def reign(self) -> Reign:
        """The present reign."""
        statement = select(leadership.c.holder, leadership.c.term, leadership.c.beat)
        async with self._database.read() as connection:
            return Reign(*(await connection.execute(statement)).one())

    async def take(self, seen: Reign, holder: str) -> int | None:
        """Begins the next term; None if the row is no longer as it was seen."""
        term = seen.term + 1
        statement = _of(seen.term).where(leadership.c.beat == seen.beat)
        return (
            term if await self._write(statement.values(holder=holder, term=term, beat=0)) else None
        )

    async def beat(self, term: int) -> bool:
        """A sign of life; False if the term is over."""
        return await self._write(_of(term).values(beat=leadership.c.beat + 1))

    async def resign(self, term: int) -> None:
        """Lets another take over at once."""
        await self._write(_of(term).values(holder=""))

    async def drain(self) -> None:
        """From now on no job can be claimed, whoever leads; those that run go on."""
        since = func.coalesce(leadership.c.drain_time, now())
        await self._write(update(leadership).values(drain_time=since))

    async def end_drain(self) -> None:
        """Jobs can be claimed again."""
        await self._write(update(leadership).values(drain_time=None))

    async def _write(self, statement: Update) -> bool:
        async with self._database.write() as connection:
            return bool((await connection.execute(statement)).rowcount)


async def fence(connection: AsyncConnection, term: int) -> bool:
    """Makes sure that the transaction ends before the term does.

    Returns:
        Whether jobs may be claimed; that, too, stays so until the transaction ends.

    Raises:
        NotLeaderError: the term is over.
    """
    held = select(leadership.c.drain_time).where(leadership.c.term == term).with_for_update()
    if (row := (await connection.execute(held)).first()) is None:
        raise NotLeaderError
    return row.drain_time is None


def _of(term: int) -> Update:
    return update(leadership).where(leadership.c.term == term)
