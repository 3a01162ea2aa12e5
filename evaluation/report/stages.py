"""Identity in some stages, or in keys or values only (paper Fig. 4 and 12)."""

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from evaluation.report import inline
from evaluation.report.figures import estimate
from evaluation.report.results import Results
from evaluation.studies.findings import findings
from evaluation.studies.substitution import Series, substitutions
from evaluation.studies.tables import MEASURES

_PEOPLE = 3


def build(results: Results) -> dict[str, Any] | None:
    """Verdicts, pictures and a table of each series, and the dial as a plot."""
    scope, scores = results.json("stages/settings.json"), results.csv("stages/scores.csv")
    table = results.csv("stages/table.csv")
    if scope is None or scores is None or table is None:
        return None
    series = substitutions(scope["stages"])
    return {
        "findings": [
            {
                "claim": each.claim,
                "measure": each.measure,
                "difference": estimate(
                    [each.difference.mean, each.difference.low, each.difference.high]
                ),
                "verdict": each.verdict,
            }
            for each in findings(scores, series)
        ],
        "series": [_series(results, scope, table, key, each) for key, each in series.items()],
        "people": min(_PEOPLE, len(scope["people"])),
        "measures": list(MEASURES.values()),
        "plot": _dial(table[table["series"] == "strength"]),
        "scope": f"{len(scope['people'])} people, {len(scope['prompts'])} prompts, "
        f"pictures of each: {scope['seeds']}",
    }


def _series(
    results: Results, scope: dict[str, Any], table: pd.DataFrame, key: str, series: Series
) -> dict[str, Any]:
    rows = []
    for _, row in table[table["series"] == key].iterrows():
        strip = results.root / "stages" / f"{row['setting']}.png"
        pictures = results.strip(strip)
        per_person = len(scope["prompts"]) * scope["seeds"]
        rows.append(
            {
                "label": row["label"],
                "pictures": [inline.picture(each) for each in pictures[::per_person][:_PEOPLE]],
                "cells": [estimate(_estimate(row, measure)) for measure in MEASURES],
            }
        )
    return {"title": series.title, "rows": rows}


def _estimate(row: "pd.Series[Any]", measure: str) -> list[float | None]:
    values = (row[f"{measure}{end}"] for end in ("", "_low", "_high"))
    return [None if pd.isna(value) else float(value) for value in values]


def _dial(table: pd.DataFrame) -> str:
    """ID and Prompt over the strength."""
    with inline.style():
        figure = Figure(figsize=(5.2, 3.4))
        axes = figure.subplots()
        strengths = table["label"].astype(float)
        for measure in ("id", "score"):
            axes.plot(strengths, table[measure], marker="o", label=MEASURES[measure])
            low, high = (table[f"{measure}_{end}"].astype(float) for end in ("low", "high"))
            axes.fill_between(strengths, low, high, alpha=0.18, linewidth=0)
        axes.set(xlabel="strength of the identity, in all stages", ylabel="cosine")
        axes.set_xticks(np.linspace(0, 1, 5))
        axes.legend()
        return inline.plot(figure)
