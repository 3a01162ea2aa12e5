"""What the loop counts; :mod:`sampler.triton_metrics` shows it to Prometheus."""

from dataclasses import dataclass

from sampler.cache import ByteCache


@dataclass
class Statistics:
    """Counts since the start, and gauges of this moment.

    Attributes:
        cache: the conditioning cache, which counts for itself.
        steps, rows: steps of the loop and the U-Net's rows in them.
        step_seconds: time of the steps.
        engine_seconds: time of the U-Net's calls in them, the way there and back included.
        waiting: requests that wait for their first step.
        in_flight: requests that are not done.
    """

    cache: ByteCache
    steps: int = 0
    rows: int = 0
    step_seconds: float = 0.0
    engine_seconds: float = 0.0
    waiting: int = 0
    in_flight: int = 0

    def stepped(self, rows: int, seconds: float, engine_seconds: float) -> None:
        """Counts a step."""
        self.steps += 1
        self.rows += rows
        self.step_seconds += seconds
        self.engine_seconds += engine_seconds
