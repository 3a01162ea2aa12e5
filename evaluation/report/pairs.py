"""Two people in one picture: does each keep its face (paper IV-E)?"""

from typing import Any

import numpy as np

from evaluation.report.figures import estimate
from evaluation.report.inline import picture
from evaluation.report.results import Results


def build(results: Results) -> dict[str, Any] | None:
    """Both sources and a picture of each prompt, a line for each pair; and the figures."""
    found, scores = results.json("pairs/table.json"), results.csv("pairs/scores.csv")
    path = results.root / "pairs" / "grid.png"
    if found is None or scores is None or not path.is_file():
        return None
    lines = []
    for row in results.strip(path):
        cells = np.split(row, row.shape[1] // results.size[1], axis=1)
        lines.append(
            {
                "sources": [picture(cell) for cell in cells[:2]],
                "cells": [picture(cell) for cell in cells[2:]],
            }
        )
    return {
        "lines": lines,
        "prompts": [prompt.format("A", "B") for prompt in scores["prompt"].unique()],
        "columns": ["mean"],
        "rows": [
            {"label": name, "cells": [estimate(value)]} for name, value in found["figures"].items()
        ],
        "scope": f"{found['pairs']} pairs, {found['pictures']:,} pictures",
    }
