"""Measures both judges on held-out people, and sets the scores from which a text is met."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np

from faceworld.captions import concepts_of
from faceworld.dataset import view_factors
from faceworld.factors import EXPRESSIONS, OBJECTS, RELATIONS, SCENES, Factors
from faceworld.identity import HELD_OUT_SEED, sample_identity
from faceworld.judges import Judges, Scores
from faceworld.renderer import plain_pictures, render
from faceworld.train_clip_judge import nameless_caption

_PEOPLE, _VIEWS = 150, 4

#: Held-out people from here on calibrate judges; those before are for tests and evaluations.
_FIRST_SEED = HELD_OUT_SEED + 100_000


def _best_threshold(right: Scores, wrong: Scores) -> tuple[float, float]:
    """(threshold, balanced accuracy) that best parts right scores [N] from wrong ones [M]."""
    candidates = np.linspace(-0.2, 1, 241)
    balanced = [((right >= c).mean() + (wrong < c).mean()) / 2 for c in candidates]
    best = np.flatnonzero(np.isclose(balanced, max(balanced)))
    return float(candidates[best[len(best) // 2]]), float(max(balanced))


def _untrue(factors: Factors, concept: str, rng: np.random.Generator) -> Factors:
    """Factors that name something of the concept which the picture does not show."""
    match concept:
        case "scene":
            places = [place for place in SCENES if place != factors.scene]
            return replace(factors, scene=str(rng.choice(places)))
        case "object":
            items = [item for item in OBJECTS if item != factors.item]
            return replace(factors, item=str(rng.choice(items)))
        case "accessory":
            hidden = not factors.sunglasses
            return replace(factors, hat=not factors.hat, crown=False, sunglasses=hidden)
        case "expression":
            moods = [mood for mood in EXPRESSIONS[1:] if mood != factors.expression]
            return replace(factors, expression=str(rng.choice(moods)))
        case "old":
            return replace(factors, old=True)
        case "pair":
            others = [how for how in RELATIONS if how != factors.relation]
            return replace(factors, companion=0, relation=str(rng.choice(others)))
        case _:
            return replace(
                factors, expression="neutral", scene=None, item=None, old=False, hat=False,
                crown=False, scarf=False, sunglasses=False, companion=None,
            )  # fmt: skip


def calibrate(judges: Judges) -> dict[str, float]:
    """Sets `judges.thresholds`; returns balanced accuracies by concept."""
    rng = np.random.default_rng(8)
    concepts = ("scene", "object", "accessory", "expression", "old", "pair", "plain")
    right: dict[str, list[float]] = {concept: [] for concept in concepts}
    wrong: dict[str, list[float]] = {concept: [] for concept in concepts}
    for seed in range(_FIRST_SEED, _FIRST_SEED + _PEOPLE):
        person = sample_identity(seed)
        looks = [view_factors(person, view) for view in range(_VIEWS)]
        pictures = np.stack([render(person, factors) for factors in looks])
        texts = [nameless_caption(person, factors, rng) for factors in looks]
        scores = judges.clip_score(pictures, texts)
        for score, text in zip(scores, texts, strict=True):
            for concept in concepts_of(text):
                right[concept].append(float(score))
        for concept in concepts:
            lies = [_untrue(factors, concept, rng) for factors in looks]
            texts = [nameless_caption(person, factors, rng) for factors in lies]
            scores = judges.clip_score(pictures, texts)
            untrue = [
                told != shown and concept in concepts_of(text)
                for told, shown, text in zip(lies, looks, texts, strict=True)
            ]
            wrong[concept] += scores[untrue].tolist()
    found = {c: _best_threshold(np.array(right[c]), np.array(wrong[c])) for c in concepts}
    judges.thresholds = {concept: round(limit, 3) for concept, (limit, _) in found.items()}
    measured = {f"accuracy_{concept}": accuracy for concept, (_, accuracy) in found.items()}
    measured["right"] = float(np.mean(np.concatenate(list(right.values()))))
    return measured | {f"wrong_{concept}": float(np.mean(wrong[concept])) for concept in concepts}


def measure_identity(judges: Judges) -> dict[str, float]:
    """Cosines within and between held-out people, and the equal error rate."""
    views, owners = [], []
    for seed in range(_FIRST_SEED, _FIRST_SEED + _PEOPLE):
        person = sample_identity(seed)
        person = sample_identity(seed)
        looks = [view_factors(person, view) for view in range(_VIEWS)]
        alone = [factors for factors in looks if factors.companion is None]
        views += [render(person, factors) for factors in alone]
        owners += [seed] * len(alone)
    pictures = np.stack(views)
    vectors = judges.identity_embedding(pictures)
    cosines, owner = vectors @ vectors.T, np.array(owners)
    same_owner = owner[:, None] == owner[None]
    upper = np.triu(np.ones_like(same_owner), 1)
    same, different = cosines[same_owner & upper], cosines[~same_owner & upper]
    limits = np.linspace(-1, 1, 401)
    missed = np.array([(same < limit).mean() for limit in limits])
    confused = np.array([(different >= limit).mean() for limit in limits])
    equal = int(np.abs(missed - confused).argmin())
    return {
        "same": float(same.mean()),
        "different": float(different.mean()),
        "equal_error": float((missed[equal] + confused[equal]) / 2),
        "faces_detected": float(judges.face_detected(pictures).mean()),
    }


def measure_pairs(judges: Judges) -> dict[str, float]:
    """Faces in pictures of two held-out people, against plain pictures of both."""
    pairs, plain = [], []
    rng = np.random.default_rng(9)
    for seed in range(_FIRST_SEED, _FIRST_SEED + _PEOPLE):
        left, right = sample_identity(seed), sample_identity(seed + _PEOPLE)
        looks = _untrue(view_factors(left, 0), "plain", rng)
        together = replace(looks, close_up=False, companion=right.seed)
        pairs.append(render(left, replace(together, relation=str(rng.choice(RELATIONS)))))
        plain.append([plain_pictures(person, 1)[0] for person in (left, right)])
    shown = judges.pair_embeddings(np.stack(pairs))
    sources = np.stack([judges.identity_embedding(np.stack(both)) for both in plain])
    cosines = np.einsum("nfe,nse->nfs", shown, sources)
    own, other = np.diagonal(cosines, axis1=1, axis2=2), cosines[:, [0, 1], [1, 0]]
    return {
        "pair_own": float(own.mean()),
        "pair_other": float(other.mean()),
        "pair_recognised": float((own > other).all(axis=1).mean()),
        "pair_detected": float(judges.pair_detected(np.stack(pairs)).all(axis=1).mean()),
    }


def finish(judges: Judges, folder: Path) -> dict[str, float]:
    """Calibrates, measures and writes the judges with their figures."""
    figures = calibrate(judges) | measure_identity(judges) | measure_pairs(judges)
    judges.save(folder)
    figures = {name: round(value, 4) for name, value in figures.items()}
    (folder / "figures.json").write_text(json.dumps(figures, indent=2) + "\n")
    return figures
