"""``python k8s/document.py``: writes the chart's README from the comments in its values."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

CHART = Path(__file__).parent / "likeness"

HEAD = """# The `likeness` chart

Gateways, Triton, the export of the base model and trainings. How to install it, and what was tried:
[docs/kubernetes.md](../../docs/kubernetes.md). `python k8s/document.py` writes this page from
`values.yaml`.

| value | default | what it is |
|---|---|---|
"""


@dataclass(frozen=True)
class Value:
    """A documented value: its path in the values, and the text of its ``# --`` comment."""

    path: tuple[str, ...]
    text: str


def documented(lines: list[str]) -> Iterator[Value]:
    """The values of a YAML file that have a comment above them, in its order."""
    parents: list[tuple[int, str]] = []
    comment: list[str] = []
    for line in lines:
        content = line.strip()
        if content.startswith("# --"):
            comment = [content.removeprefix("# --").strip()]
        elif content.startswith("#"):
            comment.append(content.removeprefix("#").strip())
        elif ":" in content and not content.startswith("-"):
            indent = len(line) - len(line.lstrip())
            parents = [each for each in parents if each[0] < indent]
            parents.append((indent, content.partition(":")[0]))
            if comment:
                yield Value(tuple(name for _, name in parents), " ".join(comment))
                comment = []


def readme() -> str:
    """The chart's README."""
    text = (CHART / "values.yaml").read_text()
    values = yaml.safe_load(text)
    rows = (
        f"| `{'.'.join(value.path)}` | `{_default(values, value.path)}` | {value.text} |\n"
        for value in documented(text.splitlines())
    )
    return HEAD + "".join(rows)


def _default(values: Any, path: tuple[str, ...]) -> str:
    for name in path:
        values = values[name]
    return json.dumps(values)


if __name__ == "__main__":
    (CHART / "README.md").write_text(readme())
