"""The paper's tables at this evaluation's scale, and all methods in one plot."""

from typing import Any

from matplotlib.figure import Figure

from evaluation.report import inline
from evaluation.report.figures import Cell, Estimate, count, difference, estimate, rows_of
from evaluation.report.results import Results
from evaluation.tables import COLUMNS

_OTHER = ("Prompt", "ID", "ID(P)", "*ID(F)", "Detect", "nearest of 256")
_COMPARED = ("Prompt", "ID", "ID(P)", "*ID(F)", "Detect")
_SWEEPS = {"lambda", "kv-count"}  # shown as plots
_PLACED = ("table1", "table3")  # the methods of both are one plot
_PANELS = {"Prompt": "cosine of picture and text", "ID(P)": "cosine with the source, or 0"}


def build(results: Results) -> dict[str, Any] | None:
    """Tables of all experiments but the sweeps, and Prompt and ID(P) as a plot."""
    figures = results.tables
    if figures is None:
        return None
    tables = []
    for name, experiment in figures["experiments"].items():
        rows = experiment["rows"]
        if not rows or name in _SWEEPS:
            continue
        columns = ("table1", "table2") if name == "table1" else (name,)
        tables.append(
            {
                "title": experiment["title"],
                "grids": [_grid(rows, COLUMNS.get(each, _OTHER)) for each in columns],
                "reference": rows[0]["label"],
                "differences": _differences(rows[1:]),
                "scope": f"{rows[0]['people']} people, {rows[0]['pictures']:,} pictures a row",
            }
        )
    if not tables:
        return None
    return {"tables": tables, "plot": _plot(figures), "ceiling": figures["ceiling"]}


def _plot(figures: dict[str, Any]) -> str | None:
    """Prompt and ID of every method of the tables, with their intervals."""
    placed = {row["method"]: row for name in _PLACED for row in rows_of(figures, name)}
    if not placed:
        return None
    default = next(row["method"] for name in _PLACED for row in rows_of(figures, name))
    with inline.style():
        figure = Figure(figsize=(7.2, 0.9 + 0.36 * len(placed)))
        panels = figure.subplots(1, len(_PANELS), sharey=True)
        for axes, (name, meaning) in zip(panels, _PANELS.items(), strict=True):
            for place, (method, row) in enumerate(placed.items()):
                value = row["figures"][name]
                colour = inline.ACCENT if method == default else inline.SECOND
                axes.errorbar(value[0], place, xerr=reach(value), marker="o", color=colour)
            axes.set(title=name, xlabel=meaning)
            axes.grid(axis="y", visible=False)
        panels[0].set_yticks(
            range(len(placed)), [row["label"].replace("`", "") for row in placed.values()]
        )
        panels[0].invert_yaxis()
        return inline.plot(figure)


def reach(value: Estimate) -> list[list[float]]:
    """How far the interval reaches below and above its mean, as matplotlib takes it."""
    mean, low, high = value
    if mean is None or low is None or high is None:
        return [[0], [0]]
    return [[mean - low], [high - mean]]


def _grid(rows: list[dict[str, Any]], columns: tuple[str, ...]) -> dict[str, Any]:
    best = {
        column: max(row["figures"][column][0] for row in rows)
        for column in columns
        if all(column in row["figures"] for row in rows) and column != "false matches"
    }

    def cell(row: dict[str, Any], column: str) -> Cell | None:
        value = row["figures"].get(column)
        if value is None:
            return count(row.get(column))
        return estimate(value, bold=value[0] == best.get(column))

    return {
        "columns": columns,
        "rows": [
            {"label": row["label"], "cells": [cell(row, column) for column in columns]}
            for row in rows
        ],
    }


def _differences(rows: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "columns": _COMPARED,
        "rows": [
            {
                "label": row["label"],
                "cells": [difference(row["first_minus_this"].get(name)) for name in _COMPARED],
            }
            for row in rows
        ],
    }
