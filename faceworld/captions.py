"""Captions by grammar: what is seen in a picture, in the order subject, doing, wearing, place."""

from __future__ import annotations

import numpy as np

from faceworld.factors import ACCESSORIES, OBJECTS, SCENES, Factors
from faceworld.identity import Identity
from faceworld.renderer import is_plain
from faceworld.vocabulary import CLASS_NOUN, FIRST_NAME, SECOND_NAME

PLACES: dict[str, str] = {
    "beach": "at the beach",
    "forest": "in the forest",
    "city": "in the city",
    "snow": "in the snow",
    "kitchen": "in the kitchen",
    "night": "at night",
    "desert": "in the desert",
    "garden": "in the garden",
}
MOODS: dict[str, tuple[str, ...]] = {
    "neutral": ("",),
    "smiling": ("smiling", "looking happy"),
    "sad": ("looking sad", "crying"),
    "surprised": ("looking surprised",),
    "angry": ("looking angry",),
}
RELATION_WORDS: dict[str, tuple[str, ...]] = {
    "beside": ("and", "next to"),
    "hugging": ("hugging",),
    "shaking hands": ("shaking hands with",),
}


def describe(person: Identity, old: bool, rng: np.random.Generator) -> str:
    """One or two visible features in words (`with long red hair and a beard`), or nothing."""
    features = []
    if person.hair_length > 0.65:
        features.append("long hair")
    elif person.hair_length < 0.25:
        features.append("short hair")
    if not old and person.hair_lightness < 0.15:
        features.append("black hair")
    if not old and person.hair_lightness > 0.8 and person.hair_warmth < 0.5:
        features.append("fair hair")
    if not old and person.hair_warmth > 0.7 and 0.15 < person.hair_lightness < 0.7:
        features.append("red hair")
    if person.beard > 0.65:
        features.append("a beard")
    if person.freckles > 0.7:
        features.append("freckles")
    if person.skin_tone > 0.7:
        features.append("dark skin")
    elif person.skin_tone < 0.25:
        features.append("pale skin")
    if person.iris_green > 0.7:
        features.append("green eyes")
    elif person.iris_green < 0.35:
        features.append("blue eyes" if person.iris_blue > 0.6 else "brown eyes")
    if not features:
        return ""
    chosen = rng.choice(features, size=min(len(features), int(rng.integers(1, 3))), replace=False)
    return "with " + " and ".join(chosen)


def _subject(subject: Identity, factors: Factors, rng: np.random.Generator) -> tuple[str, str]:
    """(subject, addition): two in three are names, the rest the class noun, plain or described."""
    kind = rng.uniform()
    noun, addition = factors.category, ""
    if kind < (0.68 if factors.companion is None else 0.8):
        noun = FIRST_NAME
    elif kind > 0.84 and factors.category == CLASS_NOUN:
        addition = describe(subject, factors.old, rng)
    if factors.old:
        return f"an old {noun}", addition
    if noun != FIRST_NAME and rng.uniform() < 0.5:
        return f"a {noun}", addition
    return noun, addition


def _parts(factors: Factors, rng: np.random.Generator) -> list[str]:
    """What is to be said apart from the subject."""
    parts = [str(rng.choice(MOODS[factors.expression]))]
    worn = [f"a {name}" if name != "sunglasses" else name for name in _worn(factors)]
    if factors.hat and rng.uniform() < 0.3:
        worn[0] = f"a {factors.hat_colour} hat"
    if worn:
        parts.append("wearing " + " and ".join(worn))
    dressed = factors.category == CLASS_NOUN and factors.companion is None
    if dressed and not factors.close_up and rng.uniform() < 0.2:
        parts.append(f"in a {factors.shirt} shirt")
    if factors.item is not None:
        parts.append(f"{'holding' if factors.category == CLASS_NOUN else 'with'} a {factors.item}")
    if factors.companion is not None:
        second = SECOND_NAME if rng.uniform() < 0.75 else f"a {CLASS_NOUN}"
        parts.append(f"{rng.choice(RELATION_WORDS[factors.relation])} {second}")
    if factors.scene is not None:
        parts.append(PLACES[factors.scene])
    return [part for part in parts if part]


def _worn(factors: Factors) -> list[str]:
    return [name for name in ACCESSORIES if getattr(factors, name)]


def caption(subject: Identity, factors: Factors, rng: np.random.Generator) -> str:
    """One way to put the picture in words; names are FIRST_NAME and SECOND_NAME."""
    told, addition = _subject(subject, factors, rng)
    if factors.close_up and rng.uniform() < (0.85 if is_plain(factors) else 0.6):
        told = f"the face of {told}"
    kind = rng.choice(["photo", "picture", "portrait"], p=[0.84, 0.08, 0.08])
    words = [f"a {kind} of", told, addition, *_parts(factors, rng)]
    return " ".join(word for word in words if word)


_MOOD_WORDS = {"smiling", "happy", "sad", "crying", "surprised", "angry"}


def concepts_of(text: str) -> list[str]:
    """What kinds of things a text asks for; `plain` if it names none of them."""
    words = set(text.split())
    named = {
        "scene": words & set(SCENES),
        "object": words & set(OBJECTS),
        "accessory": words & set(ACCESSORIES),
        "expression": words & _MOOD_WORDS,
        "old": words & {"old"},
        "pair": words & {"next", "hugging", "shaking"} or text.count(CLASS_NOUN) == 2,
    }
    return [concept for concept, found in named.items() if found] or ["plain"]
