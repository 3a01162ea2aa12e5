"""How well a finished checkpoint draws: with the class noun, and with names it knows."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path

import numpy as np

from faceworld.captions import concepts_of
from faceworld.grid import draw, load_pipeline, portrait
from faceworld.judges import Judges, Scores
from faceworld.prompts import EVALUATION_PROMPTS
from faceworld.vocabulary import CLASS_NOUN, NAMES

_PEOPLE = 8  # names, and as many draws of the class noun


def measure(checkpoint: Path) -> dict[str, dict[str, float]]:
    """Figures of `person` and of names, over EVALUATION_PROMPTS.

    Returns:
        For each of the two: `prompt` and `prompt_<concept>` (share of pictures that pass the
        caption judge), `score` (its mean cosine), `detect` (share with a face), and for names
        `id` (mean cosine of identity to the person's render) and `id_face` (of the face prompt).
    """
    pipeline, judges = load_pipeline(checkpoint), Judges.load(checkpoint / "judges")
    names = list(NAMES[:_PEOPLE])
    truth = judges.identity_embedding([portrait(seed) for seed in range(_PEOPLE)])
    return {
        CLASS_NOUN: _of_subjects(pipeline, judges, [CLASS_NOUN] * _PEOPLE, None),
        "names": _of_subjects(pipeline, judges, names, truth),
    }


def _of_subjects(
    pipeline: object, judges: Judges, subjects: list[str], truth: Scores | None
) -> dict[str, float]:
    passed: dict[str, list[float]] = defaultdict(list)
    scores, faces, same = [], [], []
    for prompt in EVALUATION_PROMPTS:
        texts = [prompt.format(subject) for subject in subjects]
        pictures = draw(pipeline, texts)
        scores.append(judges.clip_score(pictures, texts).mean())
        faces.append(judges.face_detected(pictures).mean())
        share = float(judges.passes(pictures, texts).mean())
        for concept in ("", *concepts_of(texts[0])):
            passed[concept].append(share)
        if truth is not None:
            same.append((judges.identity_embedding(pictures) * truth).sum(axis=-1).mean())
    figures = {f"prompt_{concept}".rstrip("_"): np.mean(p) for concept, p in passed.items()}
    figures |= {"score": np.mean(scores), "detect": np.mean(faces)}
    if same:
        figures |= {"id": np.mean(same), "id_face": same[0]}
    return {name: round(float(value), 3) for name, value in figures.items()}
