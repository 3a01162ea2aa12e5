"""Scores of every picture (CSV), their means (JSON), and a grid of pictures."""

import csv
import json
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from evaluation.metrics import (
    identity_score,
    identity_where_prompt_is_met,
    nearest_is_own,
    similarity,
)
from evaluation.sampling import Pictures
from evaluation.settings import CLASS_NOUN, SEED_SETS, EvaluationSettings
from faceworld.judges import Judges
from faceworld.renderer import source_image

_SHOWN = 8


@dataclass(frozen=True)
class Row:
    """Scores of one picture, and of the plain picture with the same seed.

    Attributes:
        person, prompt, seed: what it shows.
        prompt_score: cosine of picture and text (Prompt).
        prompt_met: whether the score reaches what the text's concepts need.
        identity: cosine to the source image (ID).
        identity_prompt: ID, 0 where the prompt isn't met (ID(P)).
        nearest: whether the own source image is the nearest of all people's.
        face: whether a face is detected (Detect).
        plain_score, plain_met: Prompt of the class noun's picture.
    """

    person: int
    prompt: str
    seed: int
    prompt_score: float
    prompt_met: bool
    identity: float
    identity_prompt: float
    nearest: bool
    face: bool
    plain_score: float
    plain_met: bool


def judge(
    settings: EvaluationSettings,
    judges: Judges,
    pictures: list[Pictures],
    plain: dict[int, Pictures],
) -> list[Row]:
    """Scores of all people's pictures ``[prompts, H, W, 3]``."""
    texts = [prompt.format(CLASS_NOUN) for prompt in settings.prompts]
    sources = judges.identity_embedding(np.stack([source_image(p) for p in settings.people]))
    plain_scores = {
        turn: (judges.clip_score(drawn, texts), judges.passes(drawn, texts))
        for turn, drawn in plain.items()
    }
    rows = []
    for index, (person, drawn) in enumerate(zip(settings.people, pictures, strict=True)):
        own = np.full(len(texts), index)
        cosines = similarity(judges.identity_embedding(drawn), sources)
        identity = identity_score(cosines, own)
        met = judges.passes(drawn, texts)
        scores, plain_met = plain_scores[person % SEED_SETS]
        columns = (
            settings.prompts,
            settings.seeds(person),
            judges.clip_score(drawn, texts).tolist(),
            met.tolist(),
            identity.tolist(),
            identity_where_prompt_is_met(identity, met).tolist(),
            nearest_is_own(cosines, own).tolist(),
            judges.face_detected(drawn).tolist(),
            scores.tolist(),
            plain_met.tolist(),
        )
        rows += [Row(person, *values) for values in zip(*columns, strict=True)]
    return rows


def summarise(rows: list[Row]) -> dict[str, float]:
    """Means over rows, named as in the paper's tables."""

    def mean(name: str) -> float:
        return round(float(np.mean([getattr(row, name) for row in rows])), 4)

    return {
        "pictures": len(rows),
        "ID": mean("identity"),
        "ID(P)": mean("identity_prompt"),
        "nearest": mean("nearest"),
        "Detect": mean("face"),
        "Prompt": mean("prompt_score"),
        "Prompt plain": mean("plain_score"),
        "Prompt ratio": round(mean("prompt_score") / mean("plain_score"), 4),
        "met": mean("prompt_met"),
        "met plain": mean("plain_met"),
    }


def write_report(
    settings: EvaluationSettings, out: Path, rows: list[Row], pictures: list[Pictures]
) -> dict[str, Any]:
    """Writes ``scores.csv``, ``summary.json`` and ``grid.png``; returns the summary."""
    with (out / "scores.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, [field.name for field in fields(Row)])
        writer.writeheader()
        writer.writerows(asdict(row) for row in rows)
    summary = {
        "face prompt": summarise([row for row in rows if row.prompt == settings.prompts[0]]),
        "all prompts": summarise(rows),
        "by prompt": {
            prompt: summarise([row for row in rows if row.prompt == prompt])
            for prompt in settings.prompts
        },
    }
    (out / "summary.json").write_text(json.dumps(summary, indent=2) + "\n")
    shown = list(zip(settings.people, pictures, strict=True))[:_SHOWN]
    strips = [np.concatenate([source_image(person), *drawn], axis=1) for person, drawn in shown]
    Image.fromarray(np.concatenate(strips)).save(out / "grid.png")
    return summary
