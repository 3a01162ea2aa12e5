"""What comes of more or less attention loss, and of more or fewer K-V pairs (paper Fig. 14)."""

from typing import Any

from matplotlib.figure import Figure

from evaluation.report import inline
from evaluation.report.figures import rows_of
from evaluation.report.results import Results
from evaluation.report.tables import reach

_AXES = {"lambda": "weight of the attention loss", "kv-count": "K-V pairs"}
_PANELS = {"Whose face": ("ID", "ID(P)", "nearest of 256"), "What was asked": ("Prompt", "met")}


def build(results: Results) -> dict[str, Any] | None:
    """Two plots a sweep."""
    if results.tables is None:
        return None
    sweeps = []
    for name, axis in _AXES.items():
        rows = rows_of(results.tables, name)
        if len(rows) > 1:
            size = f"{rows[0]['people']} people, {rows[0]['pictures']:,} pictures a point"
            sweeps.append(
                {
                    "title": results.tables["experiments"][name]["title"],
                    "scope": size,
                    "plots": [_plot(rows, axis, *panel) for panel in _PANELS.items()],
                }
            )
    return {"sweeps": sweeps} if sweeps else None


def _plot(rows: list[dict[str, Any]], axis: str, title: str, figures: tuple[str, ...]) -> str:
    """Figures over the rows' labels, evenly spaced, with their intervals."""
    with inline.style():
        figure = Figure(figsize=(5.2, 3.4))
        axes = figure.subplots()
        for name in figures:
            values = [row["figures"][name] for row in rows]
            ends = [reach(value) for value in values]
            error = [[end[side][0] for end in ends] for side in range(2)]
            axes.errorbar(
                [row["label"] for row in rows],
                [value[0] for value in values],
                yerr=error,
                marker="o",
                elinewidth=1,
                label=name,
            )
        axes.set(title=title, xlabel=axis)
        axes.legend()
        return inline.plot(figure)
