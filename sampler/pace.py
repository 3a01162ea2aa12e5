"""How long steps take, as measured: what a deadline is held against."""

from collections import defaultdict
from collections.abc import Hashable

WEIGHT = 0.2
"""Share of the newest step in the running mean."""


class Pace:
    """Running means of the seconds a step takes, by shape and rows of its batch."""

    def __init__(self) -> None:
        self._seconds: dict[Hashable, dict[int, float]] = defaultdict(dict)
        self.last = 0.0

    def stepped(self, shape: Hashable, rows: int, seconds: float) -> None:
        """Takes note of a step."""
        mean = self._seconds[shape].get(rows, seconds)
        self._seconds[shape][rows] = mean + WEIGHT * (seconds - mean)
        self.last = seconds

    def least(self, shape: Hashable) -> float:
        """Seconds of a step of this shape when it is quickest; 0 if there was none yet."""
        return min(self._seconds[shape].values(), default=0.0)
