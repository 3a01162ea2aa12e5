"""How long steps take, as measured: what a deadline is held against."""

from collections import defaultdict, deque
from collections.abc import Hashable

RECENT = 8
"""Steps of each kind that are remembered."""
MEMORY_SECONDS = 30.0
"""After so long without a step of a shape its pace is not known any more. It may be that of a busy
machine, and where every request is dropped for it, no step tells that it is so no longer.
"""


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
        self._measured: dict[Hashable, float] = defaultdict(float)
        self.last = 0.0

    def stepped(self, shape: Hashable, rows: int, seconds: float, now: float) -> None:
        """Takes note of a step that has ended ``now``, on any clock that goes on."""
        self.last = seconds
        self._measured[shape] = now
        recent = self._recent[shape, rows]
        recent.append(seconds)
        if len(recent) > 1:
            self._quickest[shape][rows] = min(recent)

    def least(self, shape: Hashable, now: float) -> float:
        """Seconds of a step of this shape when it is quickest; 0 if that is not known."""
        if now > self._measured[shape] + MEMORY_SECONDS:
            return 0.0
        return min(self._quickest[shape].values(), default=0.0)
