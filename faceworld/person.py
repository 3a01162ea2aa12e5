"""Draws one person, back to front, in units of half a head."""

from __future__ import annotations

import math

import numpy as np

from faceworld.canvas import Canvas, Colour, Points, mix
from faceworld.factors import COLOURS, Factors
from faceworld.identity import Identity
from faceworld.items import ITEMS
from faceworld.wear import draw_crown, draw_hat, draw_scarf

_WHITE, _BLACK = (255, 255, 255), (25, 20, 25)
_GREY_HAIR = (205, 205, 212)


def skin_colour(person: Identity) -> Colour:
    """Pale to dark along `skin_tone`, rosy to olive along `skin_warmth`."""
    tone = mix((255, 222, 200), (92, 56, 40), person.skin_tone)
    warmth = person.skin_warmth - 0.5
    return mix((tone[0] - 20 * warmth, tone[1] + 16 * warmth, tone[2] - 30 * warmth), _BLACK, 0.0)


def hair_colour(person: Identity) -> Colour:
    """Linear in lightness, warmth and tint, so that any natural or dyed shade occurs."""
    base = 15 + 205 * person.hair_lightness
    warmth, tint = person.hair_warmth - 0.25, person.hair_tint - 0.5
    return mix(
        (
            base + 110 * warmth + 40 * tint,
            base - 10 * warmth - 95 * tint,
            base - 120 * warmth + 70 * tint,
        ),
        _BLACK,
        0.0,
    )


def iris_colour(person: Identity) -> Colour:
    """Brown to blue, with more or less green."""
    base = mix((120, 62, 20), (45, 95, 235), person.iris_blue)
    return mix(base, (30, 185, 70), 0.75 * person.iris_green)


class _Portrait:
    """One person under one set of factors. Methods draw parts; `draw` knows their order."""

    def __init__(self, canvas: Canvas, person: Identity, factors: Factors) -> None:
        self.c, self.p, self.f = canvas, person, factors
        self.skin = skin_colour(person)
        self.shade = mix(self.skin, (70, 25, 20), 0.28)
        hair = hair_colour(person)
        self.hair = mix(hair, _GREY_HAIR, 0.85) if factors.old else hair
        self.half = 0.66 + 0.26 * person.face_width  # half width of the face
        self.shift = 0.2 * factors.yaw  # features move sideways as the head turns
        self.lift = 0.08 * factors.pitch

    def draw(self) -> None:
        body = self.c.upright()
        self._hair_behind()
        self._body(body)
        self._ears()
        self.c.polygon(self._outline(), self.skin)
        self._beard()
        self._freckles()
        if self.f.old:
            self._wrinkles()
        self._nose()
        self._mouth()
        self._eyes()
        self._hair_in_front()
        self._brows()
        if self.f.sunglasses:
            self._sunglasses()
        if self.f.scarf:
            draw_scarf(body)
        if self.f.hat:
            draw_hat(self.c, self.half, COLOURS[self.f.hat_colour])
        if self.f.crown:
            draw_crown(self.c, self.half)
        if self.f.item is not None:
            ITEMS[self.f.item](body, self.skin)

    def _outline(self, start: float = 0.0, stop: float = 2 * math.pi, grow: float = 1.0) -> Points:
        """[N, 2] points of the face's edge; angle 0 is its right side, pi / 2 the chin."""
        angle = np.linspace(start, stop, 40)
        power = np.where(np.sin(angle) > 0, 1.15 - 0.65 * self.p.jaw, 0.9)
        cos, sin = np.cos(angle), np.sin(angle)
        x = self.half * np.sign(cos) * np.abs(cos) ** power
        outline: Points = np.stack([x, sin], axis=1) * grow
        return outline

    def _body(self, body: Canvas) -> None:
        shirt = COLOURS[self.f.shirt]
        body.polygon([(-0.3, 0.5), (0.3, 0.5), (0.36, 1.5), (-0.36, 1.5)], self.shade)
        shoulders = [(-0.42, 1.12), (0.42, 1.12), (1.2, 1.36), (1.5, 1.75), (1.6, 4), (-1.6, 4)]
        body.polygon([*shoulders, (-1.5, 1.75), (-1.2, 1.36)], shirt)
        body.polygon([(-0.36, 1.1), (0.36, 1.1), (0.0, 1.5)], self.shade)

    def _ears(self) -> None:
        size = 0.1 + 0.18 * self.p.ears
        for side in (-1, 1):
            x = side * (self.half + 0.35 * size) - 0.5 * self.shift
            self.c.ellipse(x, 0.1 + self.lift, size * 0.7, size, self.shade)

    def _hair_behind(self) -> None:
        volume = 0.06 + 0.3 * self.p.hair_volume
        length = 2.6 * (self.p.hair_length - 0.3)
        self.c.ellipse(0, -0.12, self.half + volume, 0.94 + volume, self.hair)
        if length > 0:
            wide, end = self.half + volume, 0.1 + length
            self.c.polygon([(-wide, -0.1), (wide, -0.1), (wide, end), (-wide, end)], self.hair)

    def _hair_in_front(self) -> None:
        """A cap on the skull, open over the forehead, divided at the parting."""
        line = -0.72 + 0.42 * self.p.fringe + self.lift  # how low the hair comes
        part = self.half * (1.1 * self.p.parting - 0.55) + self.shift
        skull = self._outline(math.pi * 1.0, math.pi * 2.0, 1.04)
        edge = self.half * 1.04
        temple = -0.05 + 0.25 * self.p.hair_length
        forehead = [
            (edge, temple),
            (edge * 0.9, line + 0.18),
            (part, line - 0.16),
            (-edge * 0.9, line + 0.18),
            (-edge, temple),
        ]
        self.c.polygon([*skull.tolist(), *forehead], self.hair)

    def _beard(self) -> None:
        amount = 2 * (self.p.beard - 0.5)
        if amount <= 0:
            return
        top = 0.62 - 0.28 * amount
        colour = mix(mix(self.skin, self.hair, 0.9), _BLACK, 0.15)
        outline = self._outline(math.asin(top), math.pi - math.asin(top), 1.0 + 0.1 * amount)
        inner = [(-0.42 * self.half, top + 0.06), (0.42 * self.half, top + 0.06)]
        self.c.polygon([*outline.tolist(), *inner], colour)

    def _freckles(self) -> None:
        amount = 2 * (self.p.freckles - 0.5)
        if amount <= 0:
            return
        colour = mix(self.skin, (150, 60, 20), 0.3 + 0.45 * amount)
        for side in (-1, 1):
            for dx, dy in ((0.0, 0.0), (0.15, 0.06), (0.06, 0.16)):
                x = self.shift + side * (0.3 + dx) * self.half / 0.8
                self.c.ellipse(x, 0.3 + dy + self.lift, 0.05, 0.05, colour)

    def _wrinkles(self) -> None:
        """Strong enough to be seen at 64 pixels."""
        colour = mix(self.skin, _BLACK, 0.45)
        for y in (-0.52, -0.37):
            self.c.arc(self.shift, y + self.lift, 0.42, -0.03, 0.06, colour)
        for side in (-1, 1):
            x = self.shift + side * 0.4
            self.c.arc(x, 0.26 + self.lift, 0.2, 0.09, 0.07, colour)
            self.c.line([(x - side * 0.12, 0.42), (x + side * 0.08, 0.74)], 0.07, colour)

    def _nose(self) -> None:
        x, y = 1.35 * self.shift, 0.12 + self.lift
        length, half = 0.14 + 0.2 * self.p.nose_length, 0.06 + 0.14 * self.p.nose_width
        self.c.polygon(
            [(x - 0.02, y - 0.1), (x + half, y + length), (x - half, y + length)], self.shade
        )

    def _mouth(self) -> None:
        x, y = self.shift, 0.62 + self.lift
        half = 0.2 + 0.2 * self.p.mouth_width
        thick = 0.07 + 0.1 * self.p.lip_fullness
        lip = mix(self.skin, (185, 30, 50), 0.3 + 0.45 * self.p.lip_fullness)
        match self.f.expression:
            case "neutral":
                self.c.ellipse(x, y, half, thick * 0.8, lip)
                self.c.line([(x - half, y), (x + half, y)], 0.035, mix(lip, _BLACK, 0.6))
            case "smiling":
                t = np.linspace(-1, 1, 11)
                wide = half * 1.2
                lower = np.stack([x + wide * t, y - 0.1 + 0.34 * (1 - t**2)], axis=1)
                inner = np.stack([x + wide * 0.8 * t, y - 0.07 + 0.19 * (1 - t**2)], axis=1)
                self.c.polygon(lower, lip)
                self.c.polygon(inner, _WHITE)
            case "sad":
                self.c.arc(x, y + 0.17, half, -0.26, thick + 0.02, lip)
            case "surprised":
                self.c.ellipse(x, y + 0.06, half * 0.62, 0.24, lip)
                self.c.ellipse(x, y + 0.06, half * 0.4, 0.15, (70, 10, 20))
            case "angry":
                top, bottom = y - 0.1, y + 0.12
                self.c.polygon(
                    [
                        (x - half, bottom),
                        (x - half * 0.8, top),
                        (x + half * 0.8, top),
                        (x + half, bottom),
                    ],
                    (70, 10, 20),
                )
                self.c.polygon(
                    [
                        (x - half * 0.75, y + 0.07),
                        (x - half * 0.65, y - 0.06),
                        (x + half * 0.65, y - 0.06),
                        (x + half * 0.75, y + 0.07),
                    ],
                    _WHITE,
                )

    def _eye_places(self) -> list[tuple[int, float, float]]:
        """(side, x, y) of both eyes."""
        apart = 0.3 + 0.12 * self.p.eye_spacing
        y = -0.08 + self.lift
        return [
            (side, side * apart * (1 - 0.12 * side * self.f.yaw) + self.shift, y)
            for side in (-1, 1)
        ]

    def _eyes(self) -> None:
        radius = 0.18 + 0.09 * self.p.eye_size
        tall = {"surprised": 1.25, "angry": 0.8, "smiling": 0.9}.get(self.f.expression, 1.0)
        for side, x, y in self._eye_places():
            self.c.ellipse(x, y, radius, radius * tall, _WHITE)
            gaze = x + 0.04 * self.f.yaw
            iris = radius * 0.72
            self.c.ellipse(gaze, y, iris, min(iris, radius * tall), iris_colour(self.p))
            self.c.ellipse(gaze, y, iris * 0.42, iris * 0.42, _BLACK)
            if self.f.expression == "sad":
                self.c.ellipse(x + side * 0.06, y + radius + 0.16, 0.07, 0.13, (90, 180, 255))

    def _brows(self) -> None:
        """Slanted by the person, and much more so by the expression."""
        thick = 0.05 + 0.1 * self.p.brow_thickness
        slant = 0.12 * (self.p.brow_angle - 0.5)
        slant += {"angry": -0.24, "sad": 0.2}.get(self.f.expression, 0.0)
        lift = {"surprised": -0.14, "angry": 0.08}.get(self.f.expression, 0.0)
        colour = mix(self.hair, _BLACK, 0.35)
        for side, x, y in self._eye_places():
            y += lift - 0.3 - 0.06 * self.p.eye_size
            ends = [(x - side * 0.19, y - slant), (x + side * 0.19, y + slant)]
            self.c.line(ends, thick, colour)

    def _sunglasses(self) -> None:
        for _, x, y in self._eye_places():
            self.c.ellipse(x, y, 0.3, 0.25, (15, 15, 20))
            self.c.line([(x - 0.12, y - 0.08), (x, y - 0.14)], 0.06, (120, 130, 150))
        y = -0.1 + self.lift
        self.c.line([(-self.half, y), (self.half, y)], 0.07, (15, 15, 20))


def draw_person(canvas: Canvas, person: Identity, factors: Factors) -> None:
    """Draws the person with expression, age, accessories and whatever is held."""
    _Portrait(canvas, person, factors).draw()
