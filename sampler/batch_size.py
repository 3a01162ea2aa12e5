"""How many rows a step should have: no more than make a row cheaper.

On a GPU a step of many rows costs little more than one of few, and full batches are best. On a CPU
a row soon costs the same in any company; a larger batch then only makes its pictures wait for one
another, while with fewer in flight the first are finished sooner and the last no later.
"""

from collections import defaultdict, deque
from collections.abc import Hashable
from dataclasses import dataclass, field

TOLERANCE = 0.1
"""A row may be dearer than in the cheapest batch by this share."""
TRIALS = 3
"""Steps after which a size is known."""
RECENT = 8
"""Steps of a size that count. The quickest of them does: a mean would take a slow one for the
size's fault, and then shun it."""
MEMORY = 2000
"""Steps after which a size that was not run is tried again."""


@dataclass
class _Cost:
    """Seconds of a row in batches of one size."""

    recent: deque[float] = field(default_factory=lambda: deque(maxlen=RECENT))
    last_step: int = 0

    @property
    def seconds(self) -> float:
        return min(self.recent)

    def known(self, step: int) -> bool:
        return len(self.recent) >= TRIALS and step - self.last_step <= MEMORY

    def measured(self, seconds: float, step: int) -> None:
        if step - self.last_step > MEMORY:
            self.recent.clear()
        self.recent.append(seconds)
        self.last_step = step


class BatchSize:
    """Learns from the steps which size is enough, for each shape of picture.

    The sizes that a step may have are all rows that there is work for, up to the engine's most, and
    the engine's even halves below. Each is known by steps of just so many rows, or of one row less
    if that is all that a guided picture, which takes two, leaves room for: a batch that is emptier
    tells nothing of what a row costs in a full one.

    Args:
        most: rows that the engine takes.
    """

    def __init__(self, most: int) -> None:
        self._sizes = [most]
        while self._sizes[-1] >= 4:  # even, as guided pictures take two rows
            self._sizes.append(self._sizes[-1] // 4 * 2)
        self._steps = 0
        self._allowed: dict[Hashable, int] = {}
        self._costs: dict[tuple[Hashable, int], _Cost] = defaultdict(_Cost)

    def stepped(self, shape: Hashable, rows: int, seconds: float) -> None:
        """Takes note of the step for which :meth:`limit` was asked last."""
        self._steps += 1
        allowed = self._allowed.get(shape, rows)
        size = allowed if rows == allowed - 1 else rows
        self._costs[shape, size].measured(seconds / rows, self._steps)

    def limit(self, shape: Hashable, wanted: int) -> int:
        """Most rows of the next step, if there is work for ``wanted``."""
        self._allowed[shape] = size = self._limit(shape, wanted)
        return size

    def _limit(self, shape: Hashable, wanted: int) -> int:
        all_of_them = min(wanted, self._sizes[0])
        sizes = [all_of_them, *(size for size in self._sizes if size < all_of_them)]
        costs = {size: self._costs[shape, size] for size in sizes}
        for size, cost in costs.items():
            if not cost.known(self._steps):
                return size
        cheapest = min(cost.seconds for cost in costs.values())
        return min(s for s, cost in costs.items() if cost.seconds <= (1 + TOLERANCE) * cheapest)
