"""The other way round: from a text to a picture that shows what it asks for."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from faceworld.captions import MOODS, PLACES, RELATION_WORDS
from faceworld.factors import ACCESSORIES, OBJECTS, RELATIONS, Factors, plain_factors
from faceworld.vocabulary import CLASS_NOUN


def stage(text: str, rng: np.random.Generator, category: str = CLASS_NOUN) -> Factors:
    """Factors of a picture of which the text is a right caption; what it leaves open is random.

    Of a pair the second person is any training person.
    """
    words = text.split()
    moods = [mood for mood, said in MOODS.items() if any(way and way in text for way in said)]
    together = [
        relation
        for relation in RELATIONS
        if any(f" {way} " in text for way in RELATION_WORDS[relation] if way != "and")
    ]
    if not together and f" and {CLASS_NOUN}" in text.replace(" and a ", " and "):
        together = [RELATIONS[0]]
    return replace(
        plain_factors(rng, category),
        close_up="face" in words,
        expression=moods[0] if moods else "neutral",
        old="old" in words,
        item=next((item for item in OBJECTS if item in words), None),
        scene=next((scene for scene, place in PLACES.items() if place in text), None),
        companion=int(rng.integers(500_000, 900_000)) if together else None,
        relation=together[0] if together else RELATIONS[0],
        **{name: name in words for name in ACCESSORIES},  # type: ignore[arg-type]
    )
