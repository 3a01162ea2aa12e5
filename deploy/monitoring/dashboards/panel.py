"""A panel, and the PromQL that panels are written in."""

from dataclasses import dataclass
from typing import Literal

Unit = Literal["short", "percentunit", "s", "bytes", "reqps", "ops"]
"""Grafana's names: plain, 0 to 1, seconds, bytes, requests a second, operations a second."""


@dataclass(frozen=True)
class Panel:
    """Lines over time, or with ``single`` the last value in large letters.

    Attributes:
        queries: PromQL by legend; in a legend ``{{label}}`` stands for a label's value.
    """

    title: str
    unit: Unit
    queries: dict[str, str]
    text: str
    single: bool = False


@dataclass(frozen=True)
class Board:
    """A dashboard; ``name`` is its file's and the last part of its address."""

    name: str
    title: str
    text: str
    rows: dict[str, tuple[Panel, ...]]

    @property
    def panels(self) -> tuple[Panel, ...]:
        """All panels of all rows."""
        return tuple(panel for row in self.rows.values() for panel in row)


def rate(metric: str, labels: str, by: str = "") -> str:
    """Growth a second, summed up but for the labels ``by``."""
    return f"{_sum(by)} (rate({metric}{{{labels}}}[$__rate_interval]))"


def quantile(share: float, metric: str, labels: str, by: str = "") -> str:
    """A histogram's quantile over the last moments."""
    within = rate(f"{metric}_bucket", labels, f"le, {by}" if by else "le")
    return f"histogram_quantile({share}, {within})"


def quantiles(metric: str, labels: str) -> dict[str, str]:
    """Median, 95th and 99th percentile of a histogram."""
    return {f"p{100 * share:g}": quantile(share, metric, labels) for share in (0.5, 0.95, 0.99)}


def share(part: str, whole: str, labels: str) -> str:
    """The share of one counter in another, over the last moments."""
    return f"{rate(part, labels)} / {rate(whole, labels)}"


def mean(metric: str, labels: str) -> str:
    """A histogram's mean over the last moments."""
    return share(f"{metric}_sum", f"{metric}_count", labels)


def total(metric: str, labels: str, by: str = "") -> str:
    """A gauge's sum over all processes."""
    return f"{_sum(by)} ({metric}{{{labels}}})"


def _sum(by: str) -> str:
    return f"sum by ({by})" if by else "sum"
