"""The paper's tables at this evaluation's scale, and where each method stands between them."""

from typing import Any

from matplotlib.figure import Figure

from evaluation.report import inline
from evaluation.report.figures import Cell, Estimate, count, difference, estimate
from evaluation.report.results import Results
from evaluation.tables import COLUMNS

_OTHER = ("Prompt", "ID", "ID(P)", "*ID(F)", "Detect", "nearest of 256")
_COMPARED = ("Prompt", "ID", "ID(P)", "*ID(F)", "Detect")
_SWEEPS = {"lambda", "kv-count"}  # shown as plots
_PLACED = ("table1", "table3")


def build(results: Results) -> dict[str, Any] | None:
    """Tables of all experiments but the sweeps, and Prompt against ID(P) as a plot."""
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
    placed = {
        row["label"]: row["figures"]
        for name in _PLACED
        for row in figures["experiments"].get(name, {"rows": []})["rows"]
    }
    plot = trade_off(placed) if placed else None
    return {"tables": tables, "plot": plot, "ceiling": figures["ceiling"]}


def trade_off(placed: dict[str, dict[str, Estimate]]) -> str:
    """Prompt against ID, each method a point with the intervals of both."""
    with inline.style():
        figure = Figure(figsize=(6.4, 4))
        axes = figure.subplots()
        for number, (label, row) in enumerate(placed.items()):
            x, y = row["Prompt"], row["ID"]
            colour = inline.SECOND if number else inline.ACCENT
            axes.errorbar(
                x[0], y[0], xerr=reach(x), yerr=reach(y), marker="o", color=colour, elinewidth=1
            )
            axes.annotate(
                label, (x[0], y[0]), xytext=(6, 5), textcoords="offset points", fontsize=10
            )
        axes.set(xlabel="Prompt: cosine of picture and text", ylabel="ID: cosine with the source")
        axes.margins(x=0.25, y=0.15)
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
