"""How long steps take, as measured: what a deadline is held against."""

from collections import defaultdict, deque
from collections.abc import Hashable

RECENT = 8
"""Steps of each kind that are remembered."""


class Pace:
    """The latest steps' seconds, by shape and rows of their batch.

    The quickest counts: a step in which an engine compiled a graph, or had to wait for others, says
    nothing of the next ones. So one step by itself says nothing yet.
    """

    def __init__(self) -> None:
        self._recent: dict[tuple[Hashable, int], deque[float]] = defaultdict(
            lambda: deque(maxlen=RECENT)
        )
        self._quickest: dict[Hashable, dict[int, float]] = defaultdict(dict)
        self.last = 0.0

    def stepped(self, shape: Hashable, rows: int, seconds: float) -> None:
        """Takes note of a step."""
        self.last = seconds
        recent = self._recent[shape, rows]
        recent.append(seconds)
        if len(recent) > 1:
            self._quickest[shape][rows] = min(recent)

    def least(self, shape: Hashable) -> float:
        """Seconds of a step of this shape when it is quickest; 0 if that is not known yet."""
        return min(self._quickest[shape].values(), default=0.0)
