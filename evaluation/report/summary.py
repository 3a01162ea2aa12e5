"""The head of the page: what was measured, and the figures that matter most."""

from typing import Any

from evaluation.report.figures import rows_of
from evaluation.report.results import Results


def build(results: Results) -> dict[str, Any]:
    """A sentence, key figures of the default method, and all settings."""
    suite = results.suite
    if suite is None:
        return {"lead": "An evaluation of learned likenesses.", "tiles": [], "settings": []}
    prompts = len(suite["settings"]["prompts"])
    people, seeds = _drawn(results, prompts)
    lead = (
        f"{people} people, each learned from one image and drawn under {prompts} prompts, "
        "judged picture by picture."
    )
    return {"lead": lead, "tiles": _tiles(results), "settings": _settings(suite, seeds)}


def _drawn(results: Results, prompts: int) -> tuple[int, int]:
    """People of the largest row, and their pictures a prompt: more may have been asked for."""
    experiments = {} if results.tables is None else results.tables["experiments"]
    rows = [row for each in experiments.values() for row in each["rows"] if row["people"]]
    people, pictures = max(((row["people"], row["pictures"]) for row in rows), default=(0, 0))
    return people, pictures // max(1, people * prompts)


def _tiles(results: Results) -> list[dict[str, str]]:
    rows = [] if results.tables is None else rows_of(results.tables, "table1")
    if not rows:
        return []
    figures, seconds = rows[0]["figures"], rows[0]["seconds"]
    tiles = [
        ("likeness of the face, *ID(F)", _mean(figures, "*ID(F)")),
        ("of the Prompt without an identity", _ratio(figures, "Prompt", "Prompt plain")),
        ("right one of 256 is the nearest", _share(figures, "nearest of 256")),
        ("show a face", _share(figures, "Detect")),
        ("until ID(P) is nearly final", None if seconds is None else f"{seconds:.0f} s"),
    ]
    return [{"label": label, "value": value} for label, value in tiles if value is not None]


def _mean(figures: dict[str, Any], name: str) -> str | None:
    return f"{figures[name][0]:.2f}" if name in figures else None


def _share(figures: dict[str, Any], name: str) -> str | None:
    return f"{figures[name][0]:.0%}" if name in figures else None


def _ratio(figures: dict[str, Any], name: str, of: str) -> str | None:
    if name not in figures or of not in figures:
        return None
    return f"{figures[name][0] / figures[of][0]:.0%}"


def _settings(suite: dict[str, Any], seeds: int) -> list[tuple[str, str]]:
    settings, sampling = suite["settings"], suite["settings"]["sampling"]
    return [
        ("base model", settings["base_model"][:19]),
        ("people", settings["sources"]),
        ("judge", settings["judge"]),
        ("sampler", f"{sampling['scheduler'].upper()}, {sampling['steps']} steps"),
        ("guidance", f"{sampling['guidance']:g}"),
        ("seeds", f"{seeds} a prompt"),
        ("image size", " x ".join(str(side) for side in suite["image_size"])),
    ]
