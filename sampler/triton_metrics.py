"""The sampler's metrics, on Triton's own Prometheus page."""

import time
from collections.abc import Callable
from typing import Any

import triton_python_backend_utils as pb_utils

from sampler.metrics import FAMILIES
from sampler.statistics import Statistics

SHOW_SECONDS = 0.5
"""How old the page may be while requests are in flight."""


class _Counter:
    """A metric, and how much of its value has been shown."""

    def __init__(self, metric: Any, value: Callable[[Statistics], float]) -> None:
        self._metric, self._value = metric, value
        self._shown = 0.0

    def show(self, statistics: Statistics) -> None:
        if (value := self._value(statistics)) != self._shown:
            self._metric.increment(value - self._shown)
            self._shown = value


class _Gauge:
    """A metric that goes up and down."""

    def __init__(self, metric: Any, value: Callable[[Statistics], float]) -> None:
        self._metric, self._value = metric, value
        self._shown: float | None = None

    def show(self, statistics: Statistics) -> None:
        if (value := self._value(statistics)) != self._shown:
            self._metric.set(value)
            self._shown = value


class TritonMetrics:
    """Shows a :class:`sampler.statistics.Statistics` to Prometheus."""

    def __init__(self) -> None:
        self._shown = float("-inf")
        self._families: list[Any] = []  # a family that is let go takes its metrics along
        self._metrics: list[_Counter | _Gauge] = []
        for each in FAMILIES:
            family = pb_utils.MetricFamily(
                name=f"likeness_sampler_{each.name}",
                description=each.description,
                kind=getattr(pb_utils.MetricFamily, each.kind.upper()),
            )
            self._families.append(family)
            shown_as = _Counter if each.kind == "counter" else _Gauge
            for label, value in each.values.items():
                labels = {each.label: label} if each.label else {}
                self._metrics.append(shown_as(family.Metric(labels=labels), value))

    def show(self, statistics: Statistics) -> None:
        """Brings the page up to date; under load, every :data:`SHOW_SECONDS`.

        Each number travels to Triton's process, which would cost a step more than its scheduling.
        """
        now = time.monotonic()
        if statistics.in_flight and now - self._shown < SHOW_SECONDS:
            return
        self._shown = now
        for metric in self._metrics:
            metric.show(statistics)
