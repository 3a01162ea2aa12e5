"""Draws one car from the side, in units of half its height."""

from __future__ import annotations

from faceworld.canvas import Canvas, Colour, mix
from faceworld.factors import Factors
from faceworld.identity import Identity

_WHITE, _BLACK = (250, 250, 250), (25, 22, 28)


def body_colour(car: Identity) -> Colour:
    """Any colour, a little away from black and white."""
    return mix(
        (30 + 205 * car.body_red, 30 + 205 * car.body_green, 30 + 205 * car.body_blue), _BLACK, 0.0
    )


def draw_car(canvas: Canvas, car: Identity, factors: Factors) -> None:
    """Body, cabin, wheels; it drives to where the picture's `yaw` looks."""
    ahead = 1.0 if factors.yaw >= 0 else -1.0
    paint = body_colour(car)
    dark = mix(paint, _BLACK, 0.35)
    bonnet = -0.05 - 0.22 * car.bonnet_height
    _cabin(canvas, car, paint, ahead)
    outline = [(-1.75, 0.55), (-1.8, bonnet + 0.12), (-1.45, -0.28), (0.9, -0.28)]
    outline += [(1.5, bonnet), (1.8, bonnet + 0.25), (1.8, 0.55)]
    canvas.polygon([(ahead * x, y) for x, y in outline], paint)
    canvas.polygon([(-1.75, 0.45), (1.8, 0.45), (1.8, 0.62), (-1.75, 0.62)], dark)
    stripe = 2 * (car.stripe - 0.5)
    if stripe > 0:
        high = 0.06 + 0.16 * stripe
        band = [(-1.76, 0.02), (1.76, 0.02), (1.76, 0.02 + high), (-1.76, 0.02 + high)]
        canvas.polygon(band, _WHITE)
    canvas.ellipse(ahead * 1.68, bonnet + 0.28, 0.13, 0.13, (255, 240, 150))
    canvas.ellipse(-ahead * 1.7, 0.05, 0.1, 0.13, (220, 30, 30))
    radius = 0.36 + 0.16 * car.wheel_size
    for x in (-1.05, 1.05):
        canvas.ellipse(x, 0.6, radius, radius, _BLACK)
        canvas.ellipse(x, 0.6, radius * 0.5, radius * 0.5, (185, 185, 195))


def _cabin(canvas: Canvas, car: Identity, paint: Colour, ahead: float) -> None:
    roof = mix(paint, _WHITE, 0.9 * car.roof_lightness)
    glass = mix((185, 220, 240), (35, 45, 60), car.window_tint)
    half, top = 0.7 + 0.45 * car.cabin_length, -0.75 - 0.5 * car.roof_height
    middle = -0.1 - 0.4 * car.cabin_place
    cabin = [(middle - half - 0.2, -0.2), (middle - half + 0.12, top)]
    cabin += [(middle + half - 0.25, top), (middle + half + 0.25, -0.2)]
    canvas.polygon([(ahead * x, y) for x, y in cabin], roof)
    low, high = -0.3, top + 0.16
    for left, right, lean_left, lean_right in (
        (middle - half, middle - 0.07, 0.2, 0.0),
        (middle + 0.07, middle + half, 0.0, 0.3),
    ):
        pane = [(left, low), (left + lean_left, high), (right - lean_right, high), (right, low)]
        canvas.polygon([(ahead * x, y) for x, y in pane], glass)
