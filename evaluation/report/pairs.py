"""Two people in one picture: does each keep its face (paper IV-E)?"""

from typing import Any

import numpy as np

from evaluation.report.figures import difference, estimate
from evaluation.report.inline import picture
from evaluation.report.results import Results


def build(results: Results) -> dict[str, Any] | None:
    """Both sources and a picture of each prompt, a line for each pair and way; and the figures."""
    found, scores = results.json("pairs/table.json"), results.csv("pairs/scores.csv")
    path = results.root / "pairs" / "grid.png"
    if found is None or scores is None or not path.is_file():
        return None
    ways = list(found["ways"])
    lines = []
    for index, row in enumerate(results.strip(path)):
        cells = np.split(row, row.shape[1] // results.size[1], axis=1)
        lines.append(
            {
                "way": ways[index % len(ways)],
                "sources": [picture(cell) for cell in cells[:2]],
                "cells": [picture(cell) for cell in cells[2:]],
            }
        )
    names = list(found["ways"][ways[0]])
    columns = [*ways, *(f"{way} minus {ways[0]}" for way in found["minus_first"])]
    rows = []
    for name in names:
        own = [estimate(found["ways"][way][name]) for way in ways]
        less = [difference(each[name]) for each in found["minus_first"].values()]
        rows.append({"label": name, "cells": [*own, *less]})
    return {
        "lines": lines,
        "prompts": [prompt.format("A", "B") for prompt in scores["prompt"].unique()],
        "ways": ways,
        "columns": columns,
        "rows": rows,
        "scope": f"{found['pairs']} pairs, {found['pictures']:,} pictures each way",
    }
