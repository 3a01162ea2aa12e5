"""Sweeps as plots: every row of an experiment a point, with its interval."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("Agg")

from matplotlib import pyplot

_SWEEPS = {"lambda": "λ, weight of the attention loss", "kv-count": "K-V pairs (stages)"}
_FIGURES = ("Prompt", "met", "ID", "ID(P)")


def write_plots(figures: Mapping[str, Any], folder: Path) -> None:
    """``lambda.png`` and ``kv-count.png``, of those sweeps that there are figures of."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, axis in _SWEEPS.items():
        rows = figures["experiments"].get(name, {"rows": []})["rows"]
        if rows:
            write_sweep(rows, axis, folder / f"{name}.png")


def write_sweep(rows: list[dict[str, Any]], axis: str, path: Path) -> None:
    """Each figure over the rows' labels, evenly spaced."""
    plot, panels = pyplot.subplots(1, len(_FIGURES), figsize=(3 * len(_FIGURES), 2.8))
    for panel, name in zip(panels, _FIGURES, strict=True):
        found = [row["figures"][name] for row in rows]
        means = [mean for mean, _, _ in found]
        # With a single person there is no interval.
        below = [0 if low is None else mean - low for mean, low, _ in found]
        above = [0 if high is None else high - mean for mean, _, high in found]
        places = range(len(rows))
        panel.errorbar(places, means, yerr=[below, above], marker="o", capsize=3)
        panel.set_xticks(places, [row["label"] for row in rows], fontsize="small")
        panel.set_title(name)
        panel.set_xlabel(axis)
        panel.grid(alpha=0.3)
    plot.tight_layout()
    partial = path.with_suffix(".partial.png")
    plot.savefig(partial, dpi=120)
    pyplot.close(plot)
    partial.replace(path)
