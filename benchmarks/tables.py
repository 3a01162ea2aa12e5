"""Tables of figures, for the terminal and for a page."""

import re
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


def write_section(path: Path, title: str, text: list[str], tables: list[Table]) -> None:
    """Writes a benchmark's part of the page, between its title and the next one's.

    The other parts stay. The page is written aside, then in its place.
    """
    page = path.read_text() if path.exists() else ""
    others = [part for part in re.split(r"^(?=# )", page, flags=re.MULTILINE) if part.strip()]
    kept = [part.rstrip() for part in others if not part.startswith(f"# {title}\n")]
    own = "\n".join([f"# {title}", "", *text, "", *map(str, tables)]).rstrip()
    aside = path.with_suffix(".tmp")
    aside.write_text("\n\n".join(sorted([*kept, own])) + "\n")
    aside.rename(path)
