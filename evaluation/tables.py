"""The paper's tables at our scale, from the scores of all pictures."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from evaluation.people import GALLERY
from evaluation.settings import FACE_LEVEL
from evaluation.statistics import Estimate, differences, estimates
from trainer.process import write_atomically


@dataclass(frozen=True)
class Figure:
    """A column of a table: the mean of a score over pictures, then over people."""

    column: str
    of_face_prompt: bool = False


FIGURES: Mapping[str, Figure] = {
    "Prompt": Figure("score"),
    "met": Figure("met"),
    "ID": Figure("id"),
    "Detect": Figure("detect"),
    "ID(P)": Figure("id_p"),
    "*ID(F)": Figure("id", of_face_prompt=True),
    "*Detect(F)": Figure("detect", of_face_prompt=True),
    "*nearest of 256 (F)": Figure("nearest_256", of_face_prompt=True),
    "nearest of 32": Figure("nearest"),
    "nearest of 256": Figure("nearest_256"),
    "verified": Figure("verified"),
    "false matches": Figure("false_matches"),
    "Prompt plain": Figure("plain_score"),
    "met plain": Figure("plain_met"),
}
"""As in the paper's Tables I to III, and what else tells whether it is the person. All but the
starred ones are over all prompts but the face prompt, which the paper scores apart (IV-B)."""

COLUMNS: Mapping[str, tuple[str, ...]] = {
    "table1": ("Prompt", "*ID(F)", "*Detect(F)", "*nearest of 256 (F)", "ID(P)", "met", "trained",
               "added", "seconds"),
    "table2": ("Prompt", "ID", "Detect", "ID(P)", "nearest of 32", "nearest of 256", "verified",
               "false matches"),
}  # fmt: skip
_OTHER_COLUMNS = ("Prompt", "met", "ID", "Detect", "ID(P)", "*ID(F)", "nearest of 256")
_LEVEL_COLUMNS = ("Prompt", "met", "ID", "ID(P)", "Detect", "met plain")
_COMPARED = ("Prompt", "met", "ID", "Detect", "ID(P)", "*ID(F)", "nearest of 256")


def per_person(pictures: pd.DataFrame) -> pd.DataFrame:
    """Mean of each figure, ``[people, figures]``; figures without pictures are left out."""
    face = pictures["level"] == FACE_LEVEL
    columns = {}
    for name, figure in FIGURES.items():
        chosen = pictures[face if figure.of_face_prompt else ~face]
        if len(chosen):
            columns[name] = chosen.groupby("person")[figure.column].mean()
    return pd.DataFrame(columns)


def tables(
    pictures: pd.DataFrame, suite: Mapping[str, Any], timing: Mapping[str, Any]
) -> dict[str, Any]:
    """All figures as plain values, an estimate as ``[mean, low, high]``.

    Args:
        pictures: what :func:`evaluation.scores.collect` gives, or ``scores.csv``.
        suite: ``suite.json``.
        timing: ``timing.json``, or nothing.
    """
    first = suite["settings"]["first"]
    experiments = {}
    for name, experiment in suite["experiments"].items():
        rows, means = [], {}
        comparable = _comparable(pictures, first, experiment)
        for label, method in experiment["rows"].items():
            row = comparable[comparable["method"] == method]
            if row.empty:
                continue
            described = suite["methods"][method]
            means[label] = per_person(row)
            rows.append(
                {
                    "label": label,
                    "method": method,
                    "people": int(row["person"].nunique()),
                    "pictures": len(row),
                    "trained": described["trained"],
                    "added": described["added"],
                    "seconds": _seconds(timing.get(method), described["key"]),
                    "figures": _plain(estimates(means[label])),
                    "levels": {
                        level: _plain(estimates(_of_level(some)))
                        for level, some in row.groupby("level", sort=False)
                    },
                }
            )
        for row in rows[1:]:
            reference, other = means[rows[0]["label"]], means[row["label"]]
            row["first_minus_this"] = _plain(differences(reference, other))
        experiments[name] = {"title": experiment["title"], "rows": rows}
    return {
        "settings": suite["settings"],
        "gallery": suite["gallery"],
        "ceiling": suite["ceiling"],
        "face_threshold": suite["face_threshold"],
        "experiments": experiments,
    }


def _seconds(timed: Mapping[str, Any] | None, key: str) -> float | None:
    """What was measured of the very config that the scores are of."""
    return timed["seconds_to_95"] if timed is not None and timed["key"] == key else None


def _comparable(pictures: pd.DataFrame, first: int, experiment: Mapping[str, Any]) -> pd.DataFrame:
    """An experiment's pictures: of people and seeds that all methods begun so far have drawn.

    Other people and other noise would be taken for a difference between methods.
    """
    if pictures.empty:
        return pictures.reindex(columns=["method"])
    chosen = pictures[
        pictures["method"].isin(experiment["rows"].values())
        & (pictures["person"] < first + experiment["identities"])
        & (pictures["seed"] < experiment["seeds"])
    ]
    drawn_by = chosen.groupby(["person", "seed"])["method"].transform("nunique")
    return chosen[drawn_by == chosen["method"].nunique()]


def _of_level(pictures: pd.DataFrame) -> pd.DataFrame:
    columns = {name: FIGURES[name].column for name in _LEVEL_COLUMNS}
    means = pictures.groupby("person")[sorted(set(columns.values()))].mean()
    return pd.DataFrame({name: means[column] for name, column in columns.items()})


def _plain(found: Mapping[str, Estimate]) -> dict[str, list[float | None]]:
    def rounded(value: float | None) -> float | None:
        return None if value is None else round(value, 4)

    return {
        name: [rounded(value) for value in (each.mean, each.low, each.high)]
        for name, each in found.items()
    }


def write_tables(figures: Mapping[str, Any], out: Path) -> None:
    """``tables.json`` and ``tables.md``."""
    write_atomically(out / "tables.json", (json.dumps(figures, indent=1) + "\n").encode())
    write_atomically(out / "tables.md", markdown(figures).encode())


def markdown(figures: Mapping[str, Any]) -> str:
    """All tables to read."""
    settings = figures["settings"]
    sampling = settings["sampling"]
    parts = [
        f"Base model `{settings['base_model'][:19]}`; {sampling['scheduler'].upper()}, "
        f"{sampling['steps']} steps, guidance {sampling['guidance']:g}; "
        f"{len(settings['prompts'])} prompts; judge: {settings['judge']}. Means over people, in "
        "brackets 95 % bootstrap intervals over people. Two faces pass for the same from a cosine "
        f"of {figures['face_threshold']:.3f} on, which a share of .001 of strangers' source images "
        "reaches.",
    ]
    if (known := figures["gallery"]) < GALLERY:
        parts.append(
            f"There are source images of {known} people only: *nearest of 32* and *of 256* are of "
            f"no more, and the threshold is set by {known * (known - 1) // 2} pairs of strangers."
        )
    if figures["ceiling"] is not None:
        ceiling = figures["ceiling"]
        parts.append(
            f"Ceiling: other real pictures of the same people have ID {ceiling['id']:.3f}, "
            f"nearest of 256 {ceiling['nearest_256']:.3f}."
        )
    for name, experiment in figures["experiments"].items():
        rows = experiment["rows"]
        if not rows:
            continue
        parts.append(f"## {experiment['title']}")
        shown = ("table1", "table2") if name == "table1" else (name,)
        parts += [_table(rows, COLUMNS.get(table, _OTHER_COLUMNS)) for table in shown]
        if len(rows) > 1:
            parts.append(f"{rows[0]['label']} minus each, person by person:")
            parts.append(_difference_table(rows[1:]))
        parts.append("By level of the prompts:")
        parts.append(_level_table(rows))
    return "\n\n".join(parts) + "\n"


def _table(rows: list[dict[str, Any]], columns: tuple[str, ...]) -> str:
    lines = [
        [row["label"], f"{row['people']}", f"{row['pictures']}"]
        + [_cell(row["figures"].get(c, row.get(c))) for c in columns]
        for row in rows
    ]
    plain = rows[0]["figures"]
    if "Prompt plain" in plain:
        known = {"Prompt": plain["Prompt plain"], "met": plain["met plain"]}
        lines.append(["(class noun)", "", "", *(_cell(known.get(c)) for c in columns)])
    return _grid(["", "people", "pictures", *columns], lines)


def _difference_table(rows: list[dict[str, Any]]) -> str:
    lines = []
    for row in rows:
        found = row["first_minus_this"]
        cells = [_cell(found.get(name), bold=_apart(found.get(name))) for name in _COMPARED]
        lines.append([row["label"], *cells])
    return _grid(["", *_COMPARED], lines)


def _level_table(rows: list[dict[str, Any]]) -> str:
    lines = [
        [row["label"], level, *(_cell(row["levels"][level].get(name)) for name in _LEVEL_COLUMNS)]
        for level in rows[0]["levels"]
        for row in rows
        if level in row["levels"]
    ]
    return _grid(["", "level", *_LEVEL_COLUMNS], lines)


def _apart(estimate: list[float | None] | None) -> bool:
    return estimate is not None and Estimate(*estimate).differs_from_zero  # type: ignore[arg-type]


def _cell(value: list[float | None] | float | None, bold: bool = False) -> str:
    if value is None:
        return ""
    if not isinstance(value, list):
        return f"{value:,}" if isinstance(value, int) else f"{value:.1f}"
    mean, low, high = value
    text = f"{mean:.3f}" if low is None or high is None else f"{mean:.3f} [{low:.3f}, {high:.3f}]"
    return f"**{text}**" if bold else text


def _grid(titles: list[str], lines: list[list[str]]) -> str:
    rule = ["---"] * len(titles)
    return "\n".join(f"| {' | '.join(line)} |" for line in (titles, rule, *lines))
