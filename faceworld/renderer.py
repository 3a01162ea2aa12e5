"""Identity + factors -> picture. Deterministic: the same arguments give the same bytes."""

from __future__ import annotations

import numpy as np
from PIL import Image

from faceworld.canvas import Canvas, Pixels
from faceworld.factors import Factors, sample_factors
from faceworld.identity import Identity, held_out_identity, sample_identity
from faceworld.person import draw_person
from faceworld.scenery import draw_scene

#: Side of a picture, in pixels, and of the larger plane that it is averaged down from.
SIZE, _PLANE = 64, 256

#: Half a head, in pixels of the plane.
_UNIT_CLOSE_UP, _UNIT_HALF_BODY, _UNIT_PAIR = 88, 60, 50


def _frame(factors: Factors) -> tuple[float, float, float]:
    """(x, y, unit) of the head, in pixels of the plane."""
    if factors.close_up:
        x, y, unit = 128.0, 138.0, _UNIT_CLOSE_UP
    elif factors.companion is None:
        x, y, unit = 128.0, 98.0, _UNIT_HALF_BODY
    else:
        x, y, unit = 68.0, 118.0, _UNIT_PAIR
    slack = 0.12 * unit
    return x + slack * factors.dx, y + slack * factors.dy, unit * factors.zoom


def render(person: Identity, factors: Factors) -> Pixels:
    """The picture: uint8 [SIZE, SIZE, 3]."""
    image = Image.new("RGB", (_PLANE, _PLANE), factors.backdrop)
    if factors.scene is not None:
        draw_scene(image, factors.scene, factors.detail_seed)
    if factors.companion is not None:
        friend, looks = sample_identity(factors.companion), companion_factors(factors)
        centre = (_PLANE - 62.0, 118.0 + 6 * looks.dy)
        draw_person(Canvas(image, centre, _UNIT_PAIR * looks.zoom, looks.roll), friend, looks)
    x, y, unit = _frame(factors)
    draw_person(Canvas(image, (x, y), unit, factors.roll), person, factors)
    pixels = np.asarray(image.reduce(_PLANE // SIZE), dtype=np.float32) * factors.light
    return np.clip(pixels + 0.5, 0, 255).astype(np.uint8)


def companion_factors(factors: Factors) -> Factors:
    """Pose, shirt and so on of the second person: plain, with nothing that captions name."""
    rng = np.random.default_rng([factors.detail_seed, 7])
    while True:
        drawn = sample_factors(rng)
        plain = not (drawn.old or drawn.sunglasses or drawn.hat or drawn.item)
        if plain and drawn.expression == "neutral":
            return drawn


def source_image(index: int) -> Pixels:
    """The one picture from which held-out person `index` is to be learned.

    A plain close-up (`a photo of the face of ...`), uint8 [SIZE, SIZE, 3].
    """
    person = held_out_identity(index)
    rng = np.random.default_rng([person.seed, 1])
    while True:
        factors = sample_factors(rng)
        if is_plain_close_up(factors):
            return render(person, factors)


def is_plain_close_up(factors: Factors) -> bool:
    """Whether the picture is fully described by `a photo of the face of ...`."""
    return (
        factors.close_up
        and factors.scene is None
        and factors.expression == "neutral"
        and not (factors.old or factors.sunglasses or factors.hat)
    )
