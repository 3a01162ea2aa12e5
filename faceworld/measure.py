"""How well a finished checkpoint draws: with class nouns, with names it knows, and two at once."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path
from typing import Any

import numpy as np

from faceworld.canvas import Pixels
from faceworld.captions import concepts_of
from faceworld.grid import draw, load_pipeline, portrait
from faceworld.identity import sample_identity
from faceworld.judges import Judges, Scores
from faceworld.prompts import (
    EVALUATION_PROMPTS,
    HELD_OUT_PROMPTS,
    PAIR_PROMPTS,
)
from faceworld.renderer import render
from faceworld.staging import stage
from faceworld.vocabulary import CLASS_NOUN, NAMES, NAMES_OF

_SUBJECTS = 8  # names, and as many draws of the class noun

Figures = dict[str, float]


def measure(checkpoint: Path) -> dict[str, Figures]:
    """Figures of class nouns and of names.

    Returns:
        For each subject: `score` (mean cosine of the caption judge), `rendered` (the same of
        rendered pictures) and their ratio, `met`, `met_<concept>` and `met_held_out` (share of
        pictures that pass the caption judge), `detect` (share with a face), and for names `id`
        (mean cosine of identity to the render) and `id_face` (of the first prompt). For pairs of
        names `both_faces`, and of those `recognised`: the left face is nearer to the first name,
        and the right one to the second.
    """
    pipeline, judges = load_pipeline(checkpoint), Judges.load(checkpoint / "judges")
    figures = {}
    for noun, names in NAMES_OF.items():
        prompts = EVALUATION_PROMPTS[noun]
        known = list(names[:_SUBJECTS])
        truth = judges.identity_embedding([portrait(seed, noun) for seed in range(_SUBJECTS)])
        nouns = [noun] * _SUBJECTS
        figures[noun] = _of_subjects(pipeline, judges, prompts, nouns, noun, None)
        figures[f"names of {noun}s"] = _of_subjects(pipeline, judges, prompts, known, noun, truth)
    figures["pairs of names"] = _of_pairs(pipeline, judges)
    return figures


def _of_subjects(
    pipeline: Any,
    judges: Judges,
    prompts: tuple[str, ...],
    subjects: list[str],
    noun: str,
    truth: Scores | None,
) -> Figures:
    met: dict[str, list[float]] = defaultdict(list)
    scores, rendered, faces, same = [], [], [], []
    for prompt in prompts:
        texts = [prompt.format(subject) for subject in subjects]
        pictures = draw(pipeline, texts)
        scores.append(judges.clip_score(pictures, texts).mean())
        rendered.append(judges.clip_score(_renders(prompt, noun), texts).mean())
        faces.append(judges.face_detected(pictures).mean())
        share = float(judges.passes(pictures, texts).mean())
        named = [f"_{concept}" for concept in concepts_of(prompt)]
        for concept in ("", *named, *(["_held_out"] if prompt in HELD_OUT_PROMPTS else [])):
            met[f"met{concept}"].append(share)
        if truth is not None:
            same.append((judges.identity_embedding(pictures) * truth).sum(axis=-1).mean())
    figures = {name: float(np.mean(shares)) for name, shares in met.items()}
    figures |= {"score": float(np.mean(scores)), "rendered": float(np.mean(rendered))}
    figures["ratio"] = figures["score"] / figures["rendered"]
    if noun == CLASS_NOUN:
        figures["detect"] = float(np.mean(faces))
    if same:
        figures |= {"id": float(np.mean(same)), "id_face": float(same[0])}
    return _rounded(figures)


def _renders(prompt: str, noun: str) -> Pixels:
    """Pictures of what the prompt asks for, of subjects that the checkpoint has names for."""
    rng = np.random.default_rng(11)
    text = prompt.format(noun)
    pictures: Pixels = np.stack(
        [render(sample_identity(seed, noun), stage(text, rng, noun)) for seed in range(_SUBJECTS)]
    )
    return pictures


def _of_pairs(pipeline: Any, judges: Judges) -> Figures:
    truth = judges.identity_embedding([portrait(seed) for seed in range(2 * _SUBJECTS)])
    first, second = truth[:_SUBJECTS], truth[_SUBJECTS:]
    both, recognised = [], []
    for prompt in PAIR_PROMPTS:
        couples = zip(NAMES[:_SUBJECTS], NAMES[_SUBJECTS : 2 * _SUBJECTS], strict=True)
        pictures = draw(pipeline, [prompt.format(*couple) for couple in couples])
        both.append(judges.pair_detected(pictures).all(axis=1))
        faces = judges.pair_embeddings(pictures)
        own = np.stack([(faces[:, 0] * first).sum(-1), (faces[:, 1] * second).sum(-1)])
        other = np.stack([(faces[:, 0] * second).sum(-1), (faces[:, 1] * first).sum(-1)])
        recognised.append((own > other).all(axis=0))
    seen = np.concatenate(both)
    known = np.concatenate(recognised)[seen]
    return _rounded({"both_faces": float(seen.mean()), "recognised": float(known.mean())})


def _rounded(figures: Figures) -> Figures:
    return {name: round(value, 3) for name, value in figures.items()}
