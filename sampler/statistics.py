"""What the loop counts; :mod:`sampler.metrics` says how it is shown to Prometheus."""

from collections import Counter
from dataclasses import dataclass, field

from sampler.cache import ByteCache
from sampler.timeline import PHASES, Phase, Timeline


@dataclass
class Statistics:
    """Counts since the start, and gauges of this moment.

    Attributes:
        cache: the conditioning cache, which counts for itself.
        max_rows: most rows that a step may have.
        steps, rows: steps of the loop and the U-Net's rows in them.
        step_seconds: time of the steps.
        engine_seconds: time of the U-Net's calls in them, the way there and back included.
        waiting: requests that wait for their first step.
        in_flight: requests that are not done.
        rows_in_flight: rows of the U-Net that the next step would have, were there no limit.
        ended: requests by outcome, of those that :mod:`sampler.metrics` names.
        phases: time that the drawn requests took in each phase.
    """

    cache: ByteCache
    max_rows: int
    steps: int = 0
    rows: int = 0
    step_seconds: float = 0.0
    engine_seconds: float = 0.0
    waiting: int = 0
    in_flight: int = 0
    rows_in_flight: int = 0
    ended: Counter[str] = field(default_factory=Counter)
    phases: dict[Phase, float] = field(default_factory=lambda: dict.fromkeys(PHASES, 0.0))

    def stepped(self, rows: int, seconds: float, engine_seconds: float) -> None:
        """Counts a step."""
        self.steps += 1
        self.rows += rows
        self.step_seconds += seconds
        self.engine_seconds += engine_seconds

    def drawn(self, timeline: Timeline) -> None:
        """Counts the time of a request whose pictures are all delivered."""
        for phase, seconds in timeline.seconds().items():
            self.phases[phase] += seconds
