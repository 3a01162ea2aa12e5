"""Numbers as the page writes them."""

from dataclasses import dataclass
from typing import Any

Estimate = list[float | None]
"""Mean, and low and high end of its 95 % interval, as in ``tables.json``."""


@dataclass(frozen=True)
class Cell:
    """A number in a table, its interval if it has one, and whether it stands out."""

    mean: str
    interval: str = ""
    bold: bool = False


def estimate(value: Estimate | None, bold: bool = False) -> Cell | None:
    """Mean and interval; None where there is no figure."""
    if value is None:
        return None
    mean, low, high = value
    if mean is None:
        return None
    interval = "" if low is None or high is None else f"{_number(low)} to {_number(high)}"
    return Cell(_number(mean), interval, bold)


def difference(value: Estimate | None) -> Cell | None:
    """The same, bold where the interval leaves out zero."""
    if value is None:
        return None
    _, low, high = value
    return estimate(value, low is not None and high is not None and low * high > 0)


def count(value: float | None) -> Cell | None:
    """A number without an interval."""
    if value is None:
        return None
    return Cell(f"{value:,}" if isinstance(value, int) else f"{value:.1f}")


def rows_of(figures: Any, experiment: str) -> list[dict[str, Any]]:
    """Rows of an experiment in ``tables.json``; none where it was not run."""
    found: list[dict[str, Any]] = figures["experiments"].get(experiment, {}).get("rows", [])
    return found


def _number(value: float) -> str:
    return f"{value:.3f}".replace("-", "\N{MINUS SIGN}")
