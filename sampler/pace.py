"""How long steps take, as measured: what a deadline is held against."""

from collections import defaultdict
from collections.abc import Hashable

WEIGHT = 0.2
"""Share of the newest step in the running mean."""


class Pace:
    """Running means of the seconds a step takes, by shape and rows of its batch.

    The first step of each says nothing of the next ones: an engine may compile a graph in it.
    """

    def __init__(self) -> None:
        self._seconds: dict[Hashable, dict[int, float]] = defaultdict(dict)
        self._begun: set[tuple[Hashable, int]] = set()
        self.last = 0.0

    def stepped(self, shape: Hashable, rows: int, seconds: float) -> None:
        """Takes note of a step."""
        self.last = seconds
        if (shape, rows) not in self._begun:
            self._begun.add((shape, rows))
            return
        mean = self._seconds[shape].get(rows, seconds)
        self._seconds[shape][rows] = mean + WEIGHT * (seconds - mean)

    def least(self, shape: Hashable) -> float:
        """Seconds of a step of this shape when it is quickest; 0 if that is not known yet."""
        return min(self._seconds[shape].values(), default=0.0)
