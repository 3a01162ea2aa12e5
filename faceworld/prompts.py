"""Prompts of an evaluation; `{}` is a subject: a class noun, a name or a learned identity."""

from __future__ import annotations

#: By category and level; a person's levels are those of the paper's experiments.
PROMPTS: dict[str, dict[str, tuple[str, ...]]] = {
    "person": {
        "face": ("a photo of the face of {}",),
        "plain": ("a photo of {}",),
        "attributes": (
            "a photo of {} wearing a hat",
            "a photo of {} wearing sunglasses",
            "a photo of {} wearing a crown",
            "a photo of {} wearing a scarf",
            "a photo of {} smiling",
            "a photo of {} looking sad",
            "a photo of {} looking surprised",
            "a photo of {} looking angry",
            "a photo of an old {}",
        ),
        "actions": (
            "a photo of {} holding a cup",
            "a photo of {} holding a ball",
            "a photo of {} holding a guitar",
            "a photo of {} holding a balloon",
            "a photo of {} holding a book",
        ),
        "scenes": (
            "a photo of {} at the beach",
            "a photo of {} in the forest",
            "a photo of {} in the city",
            "a photo of {} in the snow",
            "a photo of {} in the kitchen",
            "a photo of {} at night",
            "a photo of {} in the desert",
            "a photo of {} in the garden",
        ),
        "combinations": (
            "a photo of {} holding a guitar at the beach",
            "a photo of {} wearing sunglasses in the snow",
            "a photo of an old {} wearing a hat in the forest",
            "a photo of {} smiling holding a cup in the kitchen",
            "a photo of {} looking angry wearing a hat in the city",
            # From here on: never seen together in training.
            "a photo of {} wearing a crown in the desert",
            "a photo of {} wearing a crown holding a guitar",
            "a photo of {} wearing a scarf holding a book",
            "a photo of {} smiling holding a balloon at the beach",
            "a photo of {} holding a balloon in the garden",
        ),
    },
    "dog": {
        "face": ("a photo of the face of {}",),
        "plain": ("a photo of {}",),
        "attributes": ("a photo of {} wearing a hat",),
        "scenes": ("a photo of {} in the snow", "a photo of {} at the beach"),
        "combinations": (
            "a photo of {} wearing a scarf in the forest",
            "a photo of {} with a ball in the garden",
        ),
    },
    "car": {
        "plain": ("a photo of {}",),
        "scenes": (
            "a photo of {} at the beach",
            "a photo of {} in the city",
            "a photo of {} in the snow",
            "a photo of {} in the desert",
            "a photo of {} at night",
            "a photo of {} in the forest",
        ),
    },
}

#: All of a category.
EVALUATION_PROMPTS: dict[str, tuple[str, ...]] = {
    category: tuple(prompt for prompts in levels.values() for prompt in prompts)
    for category, levels in PROMPTS.items()
}

#: Those of a person's `combinations` that no training picture shows.
HELD_OUT_PROMPTS: tuple[str, ...] = PROMPTS["person"]["combinations"][5:]

#: Two subjects in one picture.
PAIR_PROMPTS: tuple[str, ...] = (
    "a photo of {} and {}",
    "a photo of {} next to {}",
    "a photo of {} hugging {}",
    "a photo of {} shaking hands with {}",
    "a photo of {} next to {} at the beach",
    "a photo of {} hugging {} in the city",
)
