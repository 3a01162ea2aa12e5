"""The table of substitutions to read, and a picture of every setting."""

import io
from collections.abc import Mapping, Sequence
from pathlib import Path

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from basemodel.drawing import Pictures
from evaluation.statistics import estimates
from evaluation.studies.findings import Finding
from evaluation.studies.substitution import Series, name_of
from trainer.process import write_atomically

MEASURES = {"id": "ID", "score": "Prompt", "layout": "Layout", "surroundings": "Surroundings"}
"""Cosine with the source image and with the text; likeness of the layout, and difference of the
surroundings, to the class noun's picture with the same seed."""


def means(per_person: pd.DataFrame) -> dict[str, float | None]:
    """Mean of each column over people (rows), and ``_low`` and ``_high`` of its 95 % interval."""
    return {
        f"{name}{suffix}": value
        for name, estimate in estimates(per_person).items()
        for suffix, value in (("", estimate.mean), ("_low", estimate.low), ("_high", estimate.high))
    }


def table_of(scores: pd.DataFrame, series: Mapping[str, Series]) -> pd.DataFrame:
    """One row per series and setting: mean, low and high of every measure."""
    per_person = scores.groupby(["setting", "person"])[list(MEASURES)].mean()
    return pd.DataFrame(
        {"series": key, "label": label, "setting": name_of(strength)}
        | means(per_person.loc[name_of(strength)])
        for key, each in series.items()
        for label, strength in each.strengths.items()
    )


def markdown(table: pd.DataFrame, series: Mapping[str, Series], found: Sequence[Finding]) -> str:
    """Verdicts, then the means with their 95 % intervals over people, a table a series."""
    parts = [
        _grid(
            ["the paper says", "measured", "difference", ""],
            [
                [
                    each.claim,
                    each.measure,
                    _cell(each.difference.mean, each.difference.low, each.difference.high),
                    each.verdict,
                ]
                for each in found
            ],
        )
    ]
    for key, each in series.items():
        rows = [
            [
                row["label"],
                *(_cell(*(row[m + end] for end in ("", "_low", "_high"))) for m in MEASURES),
            ]
            for _, row in table[table["series"] == key].iterrows()
        ]
        parts.append(f"{each.title}:\n\n" + _grid(["", *MEASURES.values()], rows))
    return "\n\n".join(parts) + "\n"


def write_grid(path: Path, series: Mapping[str, Series], drawn: Mapping[str, Pictures]) -> None:
    """The first picture of every setting, a line a series.

    Args:
        path: of the PNG.
        series: what is shown.
        drawn: pictures ``[N, H, W, 3]`` by :func:`name_of` the setting.
    """
    columns = max(len(each.strengths) for each in series.values())
    with mpl.rc_context({"font.size": 9, "axes.titlesize": 8}):
        figure = Figure(figsize=(1.5 * columns, 1.9 * len(series)), layout="constrained")
        lines = figure.subfigures(len(series), 1, squeeze=False)[:, 0]
        for line, each in zip(lines, series.values(), strict=True):
            line.suptitle(each.title, x=0.01, ha="left")
            cells = line.subplots(1, columns)
            for cell in cells:
                cell.axis("off")
            for cell, (label, strength) in zip(cells, each.strengths.items(), strict=False):
                cell.imshow(drawn[name_of(strength)][0], interpolation="lanczos")
                cell.set_title(label)
        buffer = io.BytesIO()
        figure.savefig(buffer, dpi=120, format="png")
    write_atomically(path, buffer.getvalue())


def _cell(mean: float, low: float | None, high: float | None) -> str:
    if low is None or high is None or np.isnan(low):
        return f"{mean:.3f}"
    return f"{mean:.3f} [{low:.3f}, {high:.3f}]"


def _grid(titles: list[str], lines: list[list[str]]) -> str:
    return "\n".join(f"| {' | '.join(line)} |" for line in (titles, ["---"] * len(titles), *lines))
