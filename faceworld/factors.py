"""What passes: pose, expression, age, accessories, objects, scene. Never tied to who it is."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

EXPRESSIONS: tuple[str, ...] = ("neutral", "smiling", "sad", "surprised", "angry")
OBJECTS: tuple[str, ...] = ("cup", "ball", "guitar")
SCENES: tuple[str, ...] = ("beach", "forest", "city", "snow", "kitchen", "night")

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
    item: str | None  # one of OBJECTS, held in front of the chest
    scene: str | None  # one of SCENES; None is a plain backdrop
    backdrop: tuple[int, int, int]  # RGB of the plain backdrop
    shirt: str  # a key of COLOURS
    hat_colour: str  # a key of COLOURS
    companion: int | None  # seed of a second person at the right, or None
    detail_seed: int  # where the scene's trees, windows and flakes stand


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


def sample_factors(rng: np.random.Generator) -> Factors:
    """A random picture. One in three is a plain close-up of a face."""
    names = list(COLOURS)
    pose = _pose(rng)
    red, green, blue = rng.integers(110, 240, size=3).tolist()
    factors = Factors(
        close_up=True,
        **pose,
        expression="neutral",
        old=False,
        sunglasses=False,
        hat=False,
        item=None,
        scene=None,
        backdrop=(red, green, blue),
        shirt=names[rng.integers(len(names))],
        hat_colour=names[rng.integers(len(names))],
        companion=None,
        detail_seed=int(rng.integers(2**31)),
    )
    if rng.uniform() < 0.33:
        return replace(factors, expression="smiling" if rng.uniform() < 0.2 else "neutral")
    companion = int(rng.integers(500_000, 900_000)) if rng.uniform() < 0.06 else None
    close_up = companion is None and rng.uniform() < 0.35
    accessory = rng.uniform()
    return replace(
        factors,
        close_up=close_up,
        expression=EXPRESSIONS[rng.choice(5, p=[0.4, 0.15, 0.15, 0.15, 0.15])],
        old=bool(rng.uniform() < 0.2),
        sunglasses=bool(accessory < 0.16),
        hat=bool(0.1 < accessory < 0.28),
        item=None
        if close_up or companion is not None or rng.uniform() < 0.4
        else OBJECTS[rng.integers(3)],
        scene=None if rng.uniform() < 0.25 else SCENES[rng.integers(len(SCENES))],
        companion=companion,
    )


def factor_vector(factors: Factors) -> npt.NDArray[np.float32]:
    """[18] what captions tell about a picture, as zeros and ones."""
    return np.array(
        [
            *(factors.expression == mood for mood in EXPRESSIONS),
            *(factors.scene == scene for scene in SCENES),
            *(factors.item == item for item in OBJECTS),
            factors.old,
            factors.hat,
            factors.sunglasses,
            factors.companion is not None,
        ],
        dtype=np.float32,
    )
