"""The sampler's metrics, on Triton's own Prometheus page; docs/metrics.md describes each."""

import time
from collections.abc import Callable
from typing import Any

import triton_python_backend_utils as pb_utils

from sampler.statistics import Statistics

OUTCOMES = ("drawn", "cancelled", "expired", "refused", "invalid", "failed")

SHOW_SECONDS = 0.5
"""How old the page may be while requests are in flight."""


class _Counter:
    """A metric, and how much of its value has been shown."""

    def __init__(self, metric: Any, value: Callable[[Statistics], float]) -> None:
        self._metric, self._value = metric, value
        self._shown = 0.0

    def show(self, statistics: Statistics) -> None:
        value = self._value(statistics)
        self._metric.increment(value - self._shown)
        self._shown = value


class TritonMetrics:
    """Shows a :class:`sampler.statistics.Statistics` to Prometheus."""

    def __init__(self) -> None:
        self._shown = float("-inf")
        self._counters: list[_Counter] = []
        requests = _counter("requests_total", "Requests that ended.")
        self._ended = {each: requests.Metric(labels={"outcome": each}) for each in OUTCOMES}
        self._families: list[Any] = [requests]  # a family that is let go takes its metrics along
        self._count("steps_total", "Steps of the loop.", lambda s: s.steps)
        self._count("rows_total", "Rows of the U-Net in all steps.", lambda s: s.rows)
        self._count("step_seconds_total", "Time of the steps.", lambda s: s.step_seconds)
        self._count(
            "engine_seconds_total",
            "Time of the U-Net's calls, the way there and back included.",
            lambda s: s.engine_seconds,
        )
        cache = "Prompts asked of the conditioning cache."
        self._count("conditioning_cache_hits_total", cache, lambda s: s.cache.hits)
        self._count("conditioning_cache_misses_total", cache, lambda s: s.cache.misses)
        self._gauges: list[tuple[Any, Callable[[Statistics], float]]] = [
            (self._gauge("conditioning_cache_bytes", "Encoded prompts."), lambda s: s.cache.bytes),
            (self._gauge("requests_waiting", "Without a first step."), lambda s: s.waiting),
            (self._gauge("requests_in_flight", "Not done yet."), lambda s: s.in_flight),
        ]

    def ended(self, outcome: str) -> None:
        """Counts a request; ``outcome``: one of :data:`OUTCOMES`."""
        self._ended[outcome].increment(1)

    def show(self, statistics: Statistics) -> None:
        """Brings the page up to date; under load, every :data:`SHOW_SECONDS`.

        Each number travels to Triton's process, which would cost a step more than its scheduling.
        """
        now = time.monotonic()
        if statistics.in_flight and now - self._shown < SHOW_SECONDS:
            return
        self._shown = now
        for counter in self._counters:
            counter.show(statistics)
        for metric, value in self._gauges:
            metric.set(value(statistics))

    def _count(self, name: str, description: str, value: Callable[[Statistics], float]) -> None:
        family = _counter(name, description)
        self._families.append(family)
        self._counters.append(_Counter(family.Metric(labels={}), value))

    def _gauge(self, name: str, description: str) -> Any:
        family = pb_utils.MetricFamily(
            name=f"likeness_sampler_{name}",
            description=description,
            kind=pb_utils.MetricFamily.GAUGE,
        )
        self._families.append(family)
        return family.Metric(labels={})


def _counter(name: str, description: str) -> Any:
    return pb_utils.MetricFamily(
        name=f"likeness_sampler_{name}",
        description=description,
        kind=pb_utils.MetricFamily.COUNTER,
    )
