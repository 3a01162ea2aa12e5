"""Identity + factors -> picture. Deterministic: the same arguments give the same bytes."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from PIL import Image

from faceworld.canvas import Canvas, Pixels
from faceworld.car import draw_car
from faceworld.dog import draw_dog
from faceworld.factors import COLOURS, Factors, sample_factors
from faceworld.identity import Identity, held_out_identity, sample_identity
from faceworld.person import draw_person, skin_colour
from faceworld.scenery import draw_scene
from faceworld.vocabulary import CLASS_NOUN

#: Side of a picture, in pixels, and of the larger plane that it is averaged down from.
SIZE, _PLANE = 64, 256

#: Half a head, in pixels of the plane.
_UNIT_CLOSE_UP, _UNIT_HALF_BODY, _UNIT_PAIR = 88, 60, 50

#: Half a car's height, and where the middle of two people's heads is, in pixels of the plane.
_UNIT_CAR, _PAIR_HEIGHT = 58, 118

#: How far the heads of two people are from the picture's middle, in pixels of the plane.
_APART = {"beside": 63, "hugging": 45, "shaking hands": 63}


def _frame(factors: Factors) -> tuple[float, float, float]:
    """(x, y, unit) of the subject, in pixels of the plane."""
    if factors.category == "car":
        x, y, unit = 128.0, 168.0, _UNIT_CAR
    elif factors.close_up:
        x, y, unit = 128.0, 138.0, _UNIT_CLOSE_UP
    elif factors.companion is None:
        x, y, unit = 128.0, 98.0, _UNIT_HALF_BODY
    else:
        x, y, unit = 128.0 - _APART[factors.relation], _PAIR_HEIGHT, _UNIT_PAIR
    slack = 0.12 * unit
    return x + slack * factors.dx, y + slack * factors.dy, unit * factors.zoom


def render(subject: Identity, factors: Factors) -> Pixels:
    """The picture: uint8 [SIZE, SIZE, 3]."""
    image = Image.new("RGB", (_PLANE, _PLANE), factors.backdrop)
    if factors.scene is not None:
        draw_scene(image, factors.scene, factors.detail_seed)
    x, y, unit = _frame(factors)
    if factors.companion is not None:
        _draw_pair(image, subject, sample_identity(factors.companion), factors)
    elif factors.category == "car":
        draw_car(Canvas(image, (x, y), unit), subject, factors)
    else:
        draw = {"person": draw_person, "dog": draw_dog}[factors.category]
        draw(Canvas(image, (x, y), unit, factors.roll), subject, factors)
    pixels = np.asarray(image.reduce(_PLANE // SIZE), dtype=np.float32) * factors.light
    return np.clip(pixels + 0.5, 0, 255).astype(np.uint8)


def _draw_pair(image: Image.Image, left: Identity, right: Identity, factors: Factors) -> None:
    """Two people; who hugs leans over, hands meet in the middle."""
    looks = companion_factors(factors)
    lean = 0.16 if factors.relation == "hugging" else 0.0
    x, y, unit = _frame(factors)
    far = 128.0 + _APART[factors.relation] + 0.12 * _UNIT_PAIR * looks.dx
    height = _PAIR_HEIGHT + 0.12 * _UNIT_PAIR * looks.dy
    size = _UNIT_PAIR * looks.zoom
    draw_person(Canvas(image, (far, height), size, 0.5 * looks.roll - lean), right, looks)
    draw_person(Canvas(image, (x, y), unit, 0.5 * factors.roll + lean), left, factors)
    plane = Canvas(image, (128, 0), 1)
    if factors.relation == "hugging":
        plane.line([(x - 148, 212), (far - 118, 186)], 17, COLOURS[factors.shirt])
        plane.ellipse(far - 113, 184, 10, 10, skin_colour(left))
        plane.line([(far - 108, 232), (x - 138, 204)], 17, COLOURS[looks.shirt])
        plane.ellipse(x - 143, 202, 10, 10, skin_colour(right))
    elif factors.relation == "shaking hands":
        plane.line([(x - 168, 236), (-6, 214)], 18, COLOURS[factors.shirt])
        plane.line([(far - 88, 236), (6, 214)], 18, COLOURS[looks.shirt])
        plane.ellipse(-6, 212, 12, 10, skin_colour(left))
        plane.ellipse(7, 214, 12, 10, skin_colour(right))


def companion_factors(factors: Factors) -> Factors:
    """Pose, shirt and so on of the second person: plain, with nothing that captions name."""
    rng = np.random.default_rng([factors.detail_seed, 7])
    while True:
        drawn = sample_factors(rng)
        if drawn.expression == "neutral" and not drawn.old and not drawn.named() - {drawn.scene}:
            return replace(drawn, companion=None)


def source_image(index: int, category: str = CLASS_NOUN) -> Pixels:
    """The one picture from which held-out person (dog, car) `index` is to be learned.

    A plain close-up (`a photo of the face of ...`; of a car, all of it), uint8 [SIZE, SIZE, 3].
    """
    picture: Pixels = plain_pictures(held_out_identity(index, category), 1)[0]
    return picture


def plain_pictures(subject: Identity, count: int) -> Pixels:
    """`count` plain pictures of somebody in different poses, uint8 [count, SIZE, SIZE, 3]."""
    rng = np.random.default_rng([subject.seed, 1])
    rendered: list[Pixels] = []
    while len(rendered) < count:
        factors = sample_factors(rng, subject.category)
        if is_plain(factors):
            rendered.append(render(subject, factors))
    pictures: Pixels = np.stack(rendered)
    return pictures


def is_plain(factors: Factors) -> bool:
    """Whether the picture is fully described by `a photo of the face of ...`; a car's, by
    `a photo of ...`."""
    return (
        (factors.close_up or factors.category == "car")
        and factors.companion is None
        and factors.expression == "neutral"
        and not factors.old
        and not factors.named()
    )
