"""The sampler's metrics: what each says is written here, docs/metrics.md is made of it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

from sampler.statistics import Statistics
from sampler.timeline import PHASES, Phase

OUTCOMES = ("drawn", "cancelled", "expired", "refused", "invalid", "failed")


@dataclass(frozen=True)
class Family:
    """A metric.

    Attributes:
        name: after ``likeness_sampler_``.
        kind: a counter only ever grows.
        description: what it says.
        label: its only label, if it has one.
        values: of each of the label's values, or of "" without a label.
    """

    name: str
    kind: Literal["counter", "gauge"]
    description: str
    values: Mapping[str, Callable[[Statistics], float]]
    label: str = ""


def _counter(name: str, description: str, value: Callable[[Statistics], float]) -> Family:
    return Family(name, "counter", description, {"": value})


def _gauge(name: str, description: str, value: Callable[[Statistics], float]) -> Family:
    return Family(name, "gauge", description, {"": value})


def _ended(outcome: str) -> Callable[[Statistics], float]:
    return lambda statistics: statistics.ended[outcome]


def _phase(phase: Phase) -> Callable[[Statistics], float]:
    return lambda statistics: statistics.phases[phase]


FAMILIES = (
    Family(
        "requests_total",
        "counter",
        "Requests that ended: `drawn`; `cancelled` by their caller; `expired`, dropped since they "
        "could not meet their deadline; `refused`, since the queue was full; `invalid`; `failed`.",
        {each: _ended(each) for each in OUTCOMES},
        "outcome",
    ),
    Family(
        "phase_seconds_total",
        "counter",
        "Time of the drawn requests, which adds up over the phases: `text` features and a picture "
        "to start from, `queue` until the first step, `denoise`, `decode` of the last pictures, "
        "and what the safety checker says of them.",
        {each: _phase(each) for each in PHASES},
        "phase",
    ),
    _gauge("requests_in_flight", "Requests that are not done.", lambda s: s.in_flight),
    _gauge(
        "requests_waiting", "Those of them that wait for their first step.", lambda s: s.waiting
    ),
    _gauge(
        "rows_in_flight",
        "Rows of the U-Net that all of them together would make, guidance rows included.",
        lambda s: s.rows_in_flight,
    ),
    _gauge("max_rows", "Most rows that the engine takes in a step.", lambda s: s.max_rows),
    _counter("steps_total", "Steps of the loop, each one call of the U-Net.", lambda s: s.steps),
    _counter(
        "rows_total",
        "Rows in them, guidance rows included; by steps and `max_rows`: how full the batches are.",
        lambda s: s.rows,
    ),
    _counter("step_seconds_total", "Time of the steps.", lambda s: s.step_seconds),
    _counter(
        "engine_seconds_total",
        "Time of the U-Net's calls in them, the way there and back included; the rest is the "
        "loop's own.",
        lambda s: s.engine_seconds,
    ),
    _counter(
        "conditioning_cache_hits_total",
        "Prompts that were encoded already.",
        lambda s: s.cache.hits,
    ),
    _counter(
        "conditioning_cache_misses_total",
        "Prompts that had to be encoded.",
        lambda s: s.cache.misses,
    ),
    _gauge("conditioning_cache_bytes", "Memory of encoded prompts.", lambda s: s.cache.bytes),
)
