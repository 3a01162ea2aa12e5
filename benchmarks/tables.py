"""Tables of figures, for the terminal and for a page."""

from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True)
class Row:
    """What was measured, its figure, and the bar it is held against."""

    what: str
    figure: str
    bar: str = ""


@dataclass(frozen=True)
class Table:
    """A table under a title, with the text before it and a note after it."""

    title: str
    text: str
    rows: list[Row] = field(default_factory=list)
    note: str = ""

    def __str__(self) -> str:
        lines = [
            f"## {self.title}",
            "",
            self.text,
            "",
            "| what | figure | bar |",
            "|---|---|---|",
            *(f"| {row.what} | {row.figure} | {row.bar} |" for row in self.rows),
            "",
        ]
        return "\n".join([*lines, self.note, ""] if self.note else lines)


def comparison(
    ratio: float, *, at_least: float | None = None, at_most: float | None = None
) -> tuple[str, str]:
    """A ratio as a row's figure, and its bar with whether it was reached."""
    figure = f"{ratio:.2f}x"
    if at_least is not None:
        return figure, f">= {at_least:g}x: {'reached' if ratio >= at_least else 'missed'}"
    if at_most is not None:
        return figure, f"<= {at_most:g}x: {'reached' if ratio <= at_most else 'missed'}"
    return figure, ""


def write_page(path: Path, machine: str, tables: list[Table]) -> None:
    """Writes the page aside, then in its place."""
    head = [
        "# Benchmarks of serving",
        "",
        "Written by `make bench-serving`; all figures of this page come from one run.",
        "",
        f"Machine: {machine}",
        "",
        "How the sampler does it: [sampler.md](sampler.md).",
        "",
    ]
    aside = path.with_suffix(".tmp")
    aside.write_text("\n".join([*head, *map(str, tables)]))
    aside.rename(path)
