"""Figures of pictures of two people, with bootstrap intervals over people."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from evaluation.metrics import Floats

_RESAMPLES = 9999

Estimate = list[float | None]
"""Value, and the ends of its 95 % interval; None where there is nothing to average."""


@dataclass(frozen=True)
class _Figure:
    """The mean of some columns, of all pictures or of those with two faces."""

    columns: tuple[str, ...]
    of_two: bool = True


FIGURES: Mapping[str, _Figure] = {
    "Prompt": _Figure(("score",), of_two=False),
    "met": _Figure(("met",), of_two=False),
    "Detect two": _Figure(("two",), of_two=False),
    "both recognised": _Figure(("both",)),
    "swap": _Figure(("swap",)),
    "merge": _Figure(("merge",)),
    "left recognised": _Figure(("left",)),
    "right recognised": _Figure(("right",)),
    "ID own": _Figure(("left_own", "right_own")),
    "ID other": _Figure(("left_other", "right_other")),
}


def figures(scores: pd.DataFrame) -> dict[str, Any]:
    """Estimates by name, and values by prompt.

    Args:
        scores: what :func:`evaluation.pairs.judge_pairs` gives.
    """
    sums = _sums(scores)
    weights = _resampled(scores)
    return {
        "people": len(set(scores["left"]) | set(scores["right"])),
        "pairs": len(sums["met"]),
        "pictures": len(scores),
        "figures": {name: _estimate(sums[name], weights) for name in FIGURES},
        "prompts": {
            prompt: {name: _known(_ratio(found)) for name, found in _sums(some).items()}
            for prompt, some in scores.groupby("prompt", sort=False)
        },
    }


def _resampled(scores: pd.DataFrame) -> Floats:
    """``[resamples, pairs]``: how often each pair is in it.

    People are drawn, not pairs: pairs of one person are alike. A pair is there as often as its one
    person times as often as its other.
    """
    pairs = scores.groupby(["left", "right"]).size().index
    people = sorted(set(pairs.get_level_values(0)) | set(pairs.get_level_values(1)))
    share = np.full(len(people), 1 / len(people))
    drawn = np.random.default_rng(0).multinomial(len(people), share, size=_RESAMPLES)
    sides = ([people.index(pair[side]) for pair in pairs] for side in (0, 1))
    left, right = (drawn[:, numbers] for numbers in sides)
    return (left * right).astype(np.float32)


def _sums(scores: pd.DataFrame) -> dict[str, Floats]:
    """Of each figure, ``[pairs, 2]``: sum over a pair's pictures, and their number."""
    sides = {
        "left": scores["left_own"] > scores["left_other"],
        "right": scores["right_own"] > scores["right_other"],
    }
    pair = [scores["left"], scores["right"]]
    values = scores.assign(**sides)
    sums = {}
    for name, figure in FIGURES.items():
        counted = values["two"] if figure.of_two else pd.Series(1, index=values.index)
        mean = values[list(figure.columns)].mean(axis=1)
        both = pd.DataFrame({"sum": mean * counted, "count": counted})
        sums[name] = both.groupby(pair).sum().to_numpy(np.float32)
    return sums


def _ratio(sums: Floats) -> Floats:
    """Sum of sums ``[..., pairs, 2]`` over sum of counts; NaN where nothing is counted."""
    total, count = np.moveaxis(sums.sum(axis=-2), -1, 0)
    ratio: Floats = np.where(count > 0, total / np.maximum(count, 1), np.nan)
    return ratio


def _estimate(sums: Floats, weights: Floats) -> Estimate:
    """A ratio with the percentile bootstrap's interval."""
    value = _known(_ratio(sums))
    if value is None:
        return [None, None, None]
    low, high = np.nanquantile(_ratio(weights[:, :, None] * sums), [0.025, 0.975])
    return [value, round(float(low), 4), round(float(high), 4)]


def _known(ratio: Floats) -> float | None:
    return None if np.isnan(ratio) else round(float(ratio), 4)


def write_table(scores: pd.DataFrame, out: Path) -> None:
    """``table.json`` and ``table.md``."""
    found = figures(scores)
    (out / "table.json").write_text(json.dumps(found, indent=1) + "\n")
    (out / "table.md").write_text(markdown(found))


def markdown(found: Mapping[str, Any]) -> str:
    """All figures to read."""
    lines = [
        f"{found['pictures']} pictures of {found['pairs']} pairs of {found['people']} people; in "
        "brackets 95 % bootstrap intervals over people. All but Prompt, met and Detect are of "
        "pictures with two faces.",
        "",
        "| | |",
        "|---|---|",
        *(f"| {name} | {_cell(estimate)} |" for name, estimate in found["figures"].items()),
    ]
    shown = ("Detect two", "both recognised")
    lines += ["", f"| prompt | {' | '.join(shown)} |", "|---" * (1 + len(shown)) + "|"]
    for prompt, values in found["prompts"].items():
        lines.append(f"| `{prompt}` | {' | '.join(_number(values[name]) for name in shown)} |")
    return "\n".join(lines) + "\n"


def _cell(estimate: Estimate) -> str:
    value, low, high = estimate
    return "" if value is None else f"{value:.3f} [{_number(low)}, {_number(high)}]"


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.3f}"
