"""Who takes the next step: priorities first, then tenants in fair turns. Pure; no clock, no I/O.

Within a priority the tenant that has had least goes next, and equals take turns. All pictures of a
step have one shape, that of this tenant's first. Where there is room for more rows than are due,
tenants overdraw and pay it back: surplus round-robin (Adiseshu, Parulkar and Varghese 1996), the
deficit round-robin that allows for it. A tenant that asks for less than its share leaves the rest
to the others, and saves nothing up. Within a tenant the pictures go by their rank.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from itertools import chain
from types import MappingProxyType
from typing import Protocol, TypeVar


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
    """Chooses the batch of each step, and remembers who has had more than others.

    Args:
        most: rows that a step may have. Nobody pays back more: what no other could use is free.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        # By priority the tenants with work, and how many rows each is ahead of the last of them; of
        # equals, the one that has waited longest stands first.
        self._ahead: dict[int, dict[str, int]] = {}

    def choose(self, claims: Sequence[C], limit: Callable[[Hashable, int], int]) -> list[C]:
        """The claims of the next step.

        ``limit`` tells how many rows it may have, by the claims' shape and all rows they have.
        Nobody of the highest priority starves; lower ones fill a step up.
        """
        self._look_at(claims)
        if not claims:
            return []
        first = max(self._ahead)
        tenant = min(self._ahead[first], key=self._ahead[first].__getitem__)
        own = (claim for claim in claims if (claim.priority, claim.tenant) == (first, tenant))
        shape = min(own, key=lambda claim: claim.rank).shape
        chosen: list[C] = []
        room = limit(shape, sum(claim.rows for claim in claims if claim.shape == shape))
        for priority, ahead in sorted(self._ahead.items(), reverse=True):
            asking = [claim for claim in claims if claim.priority == priority]
            taken = _take_turns(asking, ahead, shape, room)
            chosen += taken
            room -= sum(claim.rows for claim in taken)
            waiting = Counter(each.tenant for each in asking)
            self._settle(ahead, waiting - Counter(each.tenant for each in taken))
        return chosen

    def _look_at(self, claims: Iterable[Claim]) -> None:
        present: dict[int, dict[str, int]] = defaultdict(dict)
        for claim in claims:
            present[claim.priority][claim.tenant] = 0
        for priority, newcomers in present.items():
            known = self._ahead.get(priority, {})
            stayed = {tenant: rows for tenant, rows in known.items() if tenant in newcomers}
            present[priority] = stayed | {each: 0 for each in newcomers if each not in stayed}
        self._ahead = dict(present)

    def _settle(self, ahead: dict[str, int], waiting: Iterable[str]) -> None:
        """Counts anew from the last of those who still wait for something; who does not has had all
        that it asked for, and is owed nothing."""
        last = min((ahead[tenant] for tenant in waiting), default=max(ahead.values()))
        for tenant, rows in ahead.items():
            ahead[tenant] = min(max(rows - last, 0), self._most)


def _take_turns(claims: Iterable[C], ahead: dict[str, int], shape: Hashable, room: int) -> list[C]:
    """Those of these claims that go with a step; ``ahead`` grows by the rows that were due."""
    queues: dict[str, list[C]] = defaultdict(list)
    for claim in sorted(claims, key=lambda claim: claim.rank):
        queues[claim.tenant].append(claim)
    fitting = {t: [each for each in queue if each.shape == shape] for t, queue in queues.items()}
    due = {tenant: fitting.pop(tenant) for tenant, q in queues.items() if q[0].shape == shape}
    taken: list[C] = []
    # One that is too wide for what is left of the room holds up its tenant's, whose turn is next.
    while turns := [t for t in ahead if due.get(t) and due[t][0].rows <= room]:
        tenant = min(turns, key=ahead.__getitem__)
        claim = due[tenant].pop(0)
        taken.append(claim)
        room -= claim.rows
        ahead[tenant] = ahead.pop(tenant) + claim.rows
    # What is left is free for tenants whose first picture has another shape: had they to pay, it
    # would wait for as long as others of theirs fill up steps like this one.
    for claim in sorted(chain(*fitting.values()), key=lambda each: (ahead[each.tenant], each.rank)):
        if claim.rows <= room:
            taken.append(claim)
            room -= claim.rows
    return taken


def in_turns(waiting: Iterable[W], served: Mapping[str, int] = MappingProxyType({})) -> list[W]:
    """The order in which waiting work comes up if none is added: by priority, and within it the
    first of each tenant, then the second of each.

    ``served`` tells when each tenant had its last turn, in any order that goes up: who has waited
    longest for one stands first.
    """
    seen: dict[tuple[int, str], int] = defaultdict(int)
    ordered = []
    for each in sorted(waiting, key=lambda each: each.rank):
        turn = seen[each.priority, each.tenant]
        seen[each.priority, each.tenant] += 1
        ordered.append(((-each.priority, turn, served.get(each.tenant, -1), each.rank), each))
    return [each for _, each in sorted(ordered, key=lambda entry: entry[0])]
