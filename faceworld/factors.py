"""What passes: pose, expression, age, accessories, objects, scene. Never tied to who it is."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from faceworld.vocabulary import CATEGORIES, CLASS_NOUN

EXPRESSIONS: tuple[str, ...] = ("neutral", "smiling", "sad", "surprised", "angry")
OBJECTS: tuple[str, ...] = ("cup", "ball", "guitar", "balloon", "book")
SCENES: tuple[str, ...] = (
    "beach", "forest", "city", "snow", "kitchen", "night", "desert", "garden",
)  # fmt: skip
ACCESSORIES: tuple[str, ...] = ("hat", "sunglasses", "crown", "scarf")

#: What two people do together.
RELATIONS: tuple[str, ...] = ("beside", "hugging", "shaking hands")

#: Combinations that no training picture shows, so that prompts can ask for something new.
HELD_OUT_COMBINATIONS: tuple[frozenset[str], ...] = tuple(
    frozenset(pair)
    for pair in (
        ("crown", "desert"),
        ("balloon", "garden"),
        ("scarf", "book"),
        ("crown", "guitar"),
        ("balloon", "beach"),
        ("scarf", "desert"),
    )
)

#: Named colours of shirts and hats, RGB in 0..255.
COLOURS: dict[str, tuple[int, int, int]] = {
    "red": (205, 45, 45),
    "blue": (50, 85, 205),
    "green": (45, 150, 70),
    "yellow": (240, 205, 50),
    "purple": (140, 65, 175),
    "white": (240, 240, 240),
    "black": (40, 40, 48),
}


@dataclass(frozen=True)
class Factors:
    """Everything about one picture except who is in it."""

    category: str  # one of CATEGORIES; dogs and cars have no use for some of the rest
    close_up: bool  # the face fills the picture; otherwise head and chest
    yaw: float  # -1 looks left .. 1 looks right
    pitch: float  # -1 looks up .. 1 looks down
    roll: float  # radians, head tilted
    dx: float  # -1 .. 1, placement in the frame
    dy: float  # -1 .. 1
    zoom: float  # factor on the usual size
    light: float  # brightness factor of the whole picture
    expression: str  # one of EXPRESSIONS
    old: bool  # grey hair and wrinkles
    sunglasses: bool
    hat: bool
    crown: bool  # never with a hat
    scarf: bool
    item: str | None  # one of OBJECTS, held in front of the chest
    scene: str | None  # one of SCENES; None is a plain backdrop
    backdrop: tuple[int, int, int]  # RGB of the plain backdrop
    shirt: str  # a key of COLOURS
    hat_colour: str  # a key of COLOURS
    companion: int | None  # seed of a second person at the right, or None
    relation: str  # one of RELATIONS, to the second person
    detail_seed: int  # where the scene's trees, windows and flakes stand

    def named(self) -> frozenset[str]:
        """Accessories, object and scene in the picture."""
        worn = {name for name in ACCESSORIES if getattr(self, name)}
        return frozenset(worn | {name for name in (self.item, self.scene) if name is not None})


def _pose(rng: np.random.Generator) -> dict[str, float]:
    return {
        "yaw": float(np.clip(rng.normal(0, 0.45), -1, 1)),
        "pitch": float(np.clip(rng.normal(0, 0.4), -1, 1)),
        "roll": float(np.clip(rng.normal(0, 0.08), -0.2, 0.2)),
        "dx": float(rng.uniform(-1, 1)),
        "dy": float(rng.uniform(-1, 1)),
        "zoom": float(rng.uniform(0.93, 1.07)),
        "light": float(rng.uniform(0.93, 1.05)),
    }


def plain_factors(rng: np.random.Generator, category: str) -> Factors:
    """A close-up before a plain backdrop, with nothing to be named."""
    names = list(COLOURS)
    red, green, blue = rng.integers(110, 240, size=3).tolist()
    return Factors(
        category=category,
        close_up=True,
        **_pose(rng),
        expression="neutral",
        old=False,
        sunglasses=False,
        hat=False,
        crown=False,
        scarf=False,
        item=None,
        scene=None,
        backdrop=(red, green, blue),
        shirt=names[rng.integers(len(names))],
        hat_colour=names[rng.integers(len(names))],
        companion=None,
        relation=RELATIONS[0],
        detail_seed=int(rng.integers(2**31)),
    )


def sample_factors(rng: np.random.Generator, category: str = CLASS_NOUN) -> Factors:
    """A random picture, of no held-out combination. One in four is a plain close-up."""
    draw = {"person": _person, "dog": _dog, "car": _car}[category]
    while True:
        factors = draw(plain_factors(rng, category), rng)
        if not any(combination <= factors.named() for combination in HELD_OUT_COMBINATIONS):
            return factors


def _scene(rng: np.random.Generator) -> str | None:
    return None if rng.uniform() < 0.2 else SCENES[rng.integers(len(SCENES))]


def _person(plain: Factors, rng: np.random.Generator) -> Factors:
    if rng.uniform() < 0.25:
        return replace(plain, expression="smiling" if rng.uniform() < 0.2 else "neutral")
    if rng.uniform() < 0.18:
        return replace(
            plain,
            close_up=False,
            companion=int(rng.integers(500_000, 900_000)),
            relation=RELATIONS[rng.integers(len(RELATIONS))],
            scene=_scene(rng),
        )
    close_up = bool(rng.uniform() < 0.35)
    headwear, eyes = rng.uniform(size=2)
    return replace(
        plain,
        close_up=close_up,
        expression=EXPRESSIONS[rng.choice(5, p=[0.4, 0.15, 0.15, 0.15, 0.15])],
        old=bool(rng.uniform() < 0.2),
        sunglasses=bool(eyes < 0.14),
        hat=bool(headwear < 0.15),
        crown=bool(headwear > 0.86),
        scarf=bool(rng.uniform() < 0.14),
        item=None if close_up or rng.uniform() < 0.35 else OBJECTS[rng.integers(len(OBJECTS))],
        scene=_scene(rng),
    )


def _dog(plain: Factors, rng: np.random.Generator) -> Factors:
    if rng.uniform() < 0.25:
        return plain
    close_up = bool(rng.uniform() < 0.3)
    return replace(
        plain,
        close_up=close_up,
        hat=bool(rng.uniform() < 0.2),
        scarf=bool(rng.uniform() < 0.2),
        item="ball" if not close_up and rng.uniform() < 0.25 else None,
        scene=_scene(rng),
    )


def _car(plain: Factors, rng: np.random.Generator) -> Factors:
    return replace(plain, close_up=False, scene=_scene(rng))


def factor_vector(factors: Factors) -> npt.NDArray[np.float32]:
    """[29] what captions tell about a picture, as zeros and ones."""
    return np.array(
        [
            *(factors.category == category for category in CATEGORIES),
            *(factors.expression == mood for mood in EXPRESSIONS),
            *(factors.scene == scene for scene in SCENES),
            *(factors.item == item for item in OBJECTS),
            *(getattr(factors, accessory) for accessory in ACCESSORIES),
            factors.old,
            *(factors.companion is not None and factors.relation == how for how in RELATIONS),
        ],
        dtype=np.float32,
    )
