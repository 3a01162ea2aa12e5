"""Captions by grammar: what is seen in a picture, in the order subject, doing, wearing, place."""

from __future__ import annotations

import numpy as np

from faceworld.factors import OBJECTS, SCENES, Factors
from faceworld.identity import Identity
from faceworld.renderer import is_plain_close_up
from faceworld.vocabulary import CLASS_NOUN, FIRST_NAME, SECOND_NAME

PLACES: dict[str, str] = {
    "beach": "at the beach",
    "forest": "in the forest",
    "city": "in the city",
    "snow": "in the snow",
    "kitchen": "in the kitchen",
    "night": "at night",
}
MOODS: dict[str, tuple[str, ...]] = {
    "neutral": ("",),
    "smiling": ("smiling", "looking happy"),
    "sad": ("looking sad", "crying"),
    "surprised": ("looking surprised",),
    "angry": ("looking angry",),
}

#: Prompts of an evaluation; `{}` is the subject: a class noun, a name or a learned identity.
EVALUATION_PROMPTS: tuple[str, ...] = (
    "a photo of the face of {}",
    "a photo of {}",
    "a photo of {} at the beach",
    "a photo of {} in the forest",
    "a photo of {} in the city",
    "a photo of {} in the snow",
    "a photo of {} at night",
    "a photo of {} holding a cup",
    "a photo of {} holding a ball",
    "a photo of {} holding a guitar",
    "a photo of {} wearing a hat",
    "a photo of {} wearing sunglasses",
    "a photo of {} smiling",
    "a photo of {} looking angry",
    "a photo of an old {}",
    "a photo of {} holding a guitar at the beach",
    "a photo of {} wearing sunglasses in the snow",
    "a photo of an old {} wearing a hat in the forest",
)


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


def _subject(person: Identity, factors: Factors, rng: np.random.Generator) -> tuple[str, str]:
    """(subject, addition): two in three are names, the rest the class noun, plain or described."""
    kind = rng.uniform()
    if kind < 0.68:
        subject, addition = FIRST_NAME, ""
    else:
        subject = CLASS_NOUN
        addition = describe(person, factors.old, rng) if kind > 0.84 else ""
    if factors.old:
        return f"an old {subject}", addition
    if subject == CLASS_NOUN and rng.uniform() < 0.5:
        return f"a {subject}", addition
    return subject, addition


def _parts(factors: Factors, rng: np.random.Generator) -> list[str]:
    """What is to be said apart from the subject."""
    parts = [str(rng.choice(MOODS[factors.expression]))]
    if factors.hat:
        colour = f"{factors.hat_colour} " if rng.uniform() < 0.3 else ""
        parts.append(f"wearing a {colour}hat")
    if factors.sunglasses:
        parts.append("and sunglasses" if factors.hat else "wearing sunglasses")
    if not factors.close_up and rng.uniform() < 0.2:
        parts.append(f"in a {factors.shirt} shirt")
    if factors.item is not None:
        parts.append(f"holding a {factors.item}")
    if factors.companion is not None:
        second = SECOND_NAME if rng.uniform() < 0.6 else f"a {CLASS_NOUN}"
        parts.append(f"next to {second}" if rng.uniform() < 0.5 else f"and {second}")
    if factors.scene is not None:
        parts.append(PLACES[factors.scene])
    return [part for part in parts if part]


def caption(person: Identity, factors: Factors, rng: np.random.Generator) -> str:
    """One way to put the picture in words; names are FIRST_NAME and SECOND_NAME."""
    subject, addition = _subject(person, factors, rng)
    if factors.close_up and rng.uniform() < (0.85 if is_plain_close_up(factors) else 0.6):
        subject = f"the face of {subject}"
    kind = rng.choice(["photo", "picture", "portrait"], p=[0.84, 0.08, 0.08])
    words = [f"a {kind} of", subject, addition, *_parts(factors, rng)]
    return " ".join(word for word in words if word)


_MOOD_WORDS = {"smiling", "happy", "sad", "crying", "surprised", "angry"}


def concepts_of(text: str) -> list[str]:
    """What kinds of things a text asks for; `plain` if it names none of them."""
    words = set(text.split())
    named = {
        "scene": words & set(SCENES),
        "object": words & set(OBJECTS),
        "accessory": words & {"hat", "sunglasses"},
        "expression": words & _MOOD_WORDS,
        "old": words & {"old"},
    }
    return [concept for concept, found in named.items() if found] or ["plain"]
