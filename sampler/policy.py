"""Who takes the next step: priorities first, then tenants in fair turns. Pure; no clock, no I/O.

Tenants share the rows of the batches by deficit round-robin (Shreedhar and Varghese 1995). A tenant
that asks for less than its share leaves the rest to the others, and saves nothing up while it is
away. Within a tenant the pictures go by their rank.
"""

from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from typing import Protocol, TypeVar

QUANTUM = 2
"""Rows by which a tenant's credit grows in each turn: those of one guided picture."""


class Waiting(Protocol):
    """Somebody's work that waits for its turn."""

    @property
    def tenant(self) -> str:
        """Who asks for it."""
        ...

    @property
    def priority(self) -> int:
        """Higher goes first, whoever asks."""
        ...

    @property
    def rank(self) -> int:
        """Place among its tenant's work of the same priority; lower goes first."""
        ...


class Claim(Waiting, Protocol):
    """A picture that could take a step."""

    @property
    def rows(self) -> int:
        """Rows it takes in the batch, 1 or 2."""
        ...

    @property
    def shape(self) -> Hashable:
        """Only pictures of one shape fit in one batch."""
        ...


C = TypeVar("C", bound=Claim)
W = TypeVar("W", bound=Waiting)


class FairTurns:
    """Chooses the batch of each step, and remembers whose turn is next."""

    def __init__(self) -> None:
        # Tenants with work, the next one first, and the rows that each may still take.
        self._credit: dict[str, int] = {}
        self._shapes: dict[Hashable, None] = {}  # the one that waits longest stands first

    def choose(self, claims: Sequence[C], limit: Callable[[Hashable, int], int]) -> list[C]:
        """The claims of the next step.

        ``limit`` tells how many rows it may have, by the claims' shape and all rows they have.
        Nobody starves: if claims of different shapes have the highest priority, the shapes take
        turns, and a step is filled up with lower priorities of the same shape.
        """
        self._look_at(claims)
        if not claims:
            return []
        first = max(claim.priority for claim in claims)
        leading = {claim.shape for claim in claims if claim.priority == first}
        shape = next(each for each in self._shapes if each in leading)
        self._shapes[shape] = self._shapes.pop(shape)
        fitting = [claim for claim in claims if claim.shape == shape]
        chosen: list[C] = []
        room = limit(shape, sum(claim.rows for claim in fitting))
        for priority in sorted({claim.priority for claim in fitting}, reverse=True):
            taken = self._take_turns([c for c in fitting if c.priority == priority], room)
            chosen += taken
            room -= sum(claim.rows for claim in taken)
        return chosen

    def _look_at(self, claims: Iterable[Claim]) -> None:
        tenants = dict.fromkeys(claim.tenant for claim in claims)
        shapes = dict.fromkeys(claim.shape for claim in claims)
        kept = {tenant: credit for tenant, credit in self._credit.items() if tenant in tenants}
        self._credit = kept | {tenant: QUANTUM for tenant in tenants if tenant not in kept}
        self._shapes = {shape: None for shape in self._shapes if shape in shapes} | shapes

    def _take_turns(self, claims: Sequence[C], room: int) -> list[C]:
        queues: dict[str, list[C]] = defaultdict(list)
        for claim in sorted(claims, key=lambda claim: claim.rank):
            queues[claim.tenant].append(claim)
        taken: list[C] = []
        while queues and room:
            tenant = next(each for each in self._credit if each in queues)
            queue = queues[tenant]
            fitting = next((claim for claim in queue if claim.rows <= room), None)
            if fitting is None:
                return taken + self._fill(queues, room)
            if fitting.rows > self._credit[tenant]:
                self._end_turn(tenant, self._credit[tenant])
                continue
            queue.remove(fitting)
            taken.append(fitting)
            room -= fitting.rows
            self._credit[tenant] -= fitting.rows
            if not queue:
                del queues[tenant]
                self._end_turn(tenant, left=0)
        return taken

    def _fill(self, queues: Mapping[str, Sequence[C]], room: int) -> list[C]:
        """A claim for room that is too narrow for the tenant whose turn it is, and stays.

        Owed from the next turn, within bounds: nobody pays long for rows that no other wanted.
        """
        for tenant in [each for each in self._credit if each in queues]:
            for claim in queues[tenant]:
                if claim.rows <= room:
                    self._credit[tenant] = max(self._credit[tenant] - claim.rows, -QUANTUM)
                    return [claim]
        return []

    def _end_turn(self, tenant: str, left: int) -> None:
        """Sends a tenant to the end, with what is left to it and the next turn's quantum."""
        del self._credit[tenant]
        self._credit[tenant] = left + QUANTUM


def in_turns(waiting: Iterable[W]) -> list[W]:
    """The order in which waiting work comes up if none is added: by priority, and within it the
    first of each tenant, then the second of each."""
    seen: dict[tuple[int, str], int] = defaultdict(int)
    ordered = []
    for each in sorted(waiting, key=lambda each: each.rank):
        turn = seen[each.priority, each.tenant]
        seen[each.priority, each.tenant] += 1
        ordered.append(((-each.priority, turn, each.rank), each))
    return [each for _, each in sorted(ordered, key=lambda entry: entry[0])]
