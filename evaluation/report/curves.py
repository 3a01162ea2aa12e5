"""Losses, token norm and likeness over the steps of a training."""

from typing import Any

import pandas as pd
from matplotlib.figure import Figure

from evaluation.report import inline
from evaluation.report.gallery import labels
from evaluation.report.results import Results

_PANELS = {
    "id": ("ID", "cosine with the source image"),
    "score": ("Prompt", "cosine of picture and text"),
    "denoising": ("Denoising loss", "mean squared error, weighted"),
    "attention": ("Attention loss", "mean squared difference of maps"),
    "norm": ("Token norm", "|P| against the word it started from"),
}


def build(results: Results) -> dict[str, Any] | None:
    """A plot of each quantity, methods as lines."""
    if results.suite is None:
        return None
    named = labels(results.suite["settings"]["class_noun"])
    curves = {}
    for name, method in results.suite["methods"].items():
        curve = results.csv(f"curves/{method['key']}.csv")
        if curve is not None:
            curves[named.get(name, name)] = curve
    if not curves:
        return None
    return {"plots": [_plot(curves, column, *panel) for column, panel in _PANELS.items()]}


def _plot(curves: dict[str, pd.DataFrame], column: str, title: str, unit: str) -> str:
    with inline.style():
        figure = Figure(figsize=(5.2, 3.4))
        axes = figure.subplots()
        for label, curve in curves.items():
            known = curve.dropna(subset=[column])
            axes.plot(known["step"], known[column], label=label)
            if f"{column}_low" in curve:
                low, high = (known[f"{column}_{end}"].astype(float) for end in ("low", "high"))
                axes.fill_between(known["step"], low, high, alpha=0.18, linewidth=0)
        axes.set(title=title, xlabel="step", ylabel=unit)
        axes.legend()
        return inline.plot(figure)
