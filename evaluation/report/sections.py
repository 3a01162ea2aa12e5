"""The sections of the page, in its order."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from evaluation.report import attention, curves, gallery, pairs, stages, sweeps, tables
from evaluation.report.results import Results


@dataclass(frozen=True)
class Section:
    """A part of the page.

    Attributes:
        name: of its template and its anchor.
        title: its heading.
        build: what its template shows, or None without results.
        command: what makes the results, to be run on the same folder.
    """

    name: str
    title: str
    build: Callable[[Results], dict[str, Any] | None]
    command: str


_SUITE = "python -m evaluation --out {out}"
_STUDIES = "python -m evaluation.studies --out {out}"

SECTIONS = (
    Section("gallery", "One image in, pictures out", gallery.build, _SUITE),
    Section("tables", "Figures", tables.build, _SUITE),
    Section("sweeps", "Sweeps", sweeps.build, _SUITE),
    Section("attention", "Where each token acts", attention.build, _STUDIES),
    Section("stages", "What each stage draws", stages.build, _STUDIES),
    Section("pairs", "Two people in one picture", pairs.build, f"{_SUITE} --experiments pairs"),
    Section("curves", "Learning, step by step", curves.build, _STUDIES),
)
