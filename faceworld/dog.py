"""Draws one dog, back to front, in units of half a head."""

from __future__ import annotations

from faceworld.canvas import Canvas, Colour, mix
from faceworld.factors import COLOURS, Factors
from faceworld.identity import Identity
from faceworld.items import draw_ball
from faceworld.wear import draw_hat, draw_scarf

_WHITE, _BLACK = (250, 248, 244), (25, 20, 25)


def coat_colour(dog: Identity) -> Colour:
    """Black to white along `coat_lightness`, grey to ginger along `coat_warmth`."""
    base = 25 + 205 * dog.coat_lightness
    warmth = 90 * (dog.coat_warmth - 0.15)
    return mix((base + 0.6 * warmth, base - 0.1 * warmth, base - warmth), _BLACK, 0.0)


def draw_dog(canvas: Canvas, dog: Identity, factors: Factors) -> None:
    """Head and chest, seen from the front, with whatever it wears and plays with."""
    coat = coat_colour(dog)
    dark = mix(coat, _BLACK, 0.3)
    half = 0.72 + 0.22 * dog.head_width
    shift, lift = 0.16 * factors.yaw, 0.07 * factors.pitch
    _body(canvas.upright(), dog, coat, dark)
    ears = mix(coat, _BLACK, 0.15 + 0.6 * dog.ear_darkness)
    droop = dog.ear_droop > 0.5
    if not droop:
        _ears(canvas, dog, half, ears)
    canvas.ellipse(0, 0, half, 0.88, coat)
    _marks(canvas, dog, half, shift, coat)
    if droop:
        _ears(canvas, dog, half, ears)
    _face(canvas, dog, coat, shift, lift)
    if factors.scarf:
        draw_scarf(canvas.upright())
    if factors.hat:
        draw_hat(canvas, half * 0.8, COLOURS[factors.hat_colour])
    if factors.item == "ball":
        draw_ball(canvas.upright(), -1.25, 2.1)


def _body(body: Canvas, dog: Identity, coat: Colour, dark: Colour) -> None:
    chest = mix(coat, _WHITE, 0.5 * dog.muzzle_lightness)
    body.ellipse(0, 2.4, 1.15, 1.75, coat)
    body.ellipse(0, 2.3, 0.55, 1.2, chest)
    for side in (-1, 1):
        body.line([(side * 0.42, 1.9), (side * 0.45, 4.0)], 0.4, dark)
    collar = mix((40 + 200 * dog.collar_red, 60, 40 + 200 * dog.collar_blue), _BLACK, 0.0)
    body.polygon([(-0.62, 0.75), (0.62, 0.75), (0.7, 1.02), (-0.7, 1.02)], collar)
    body.ellipse(0, 1.1, 0.13, 0.13, (245, 215, 80))


def _ears(head: Canvas, dog: Identity, half: float, colour: Colour) -> None:
    """Triangles that stand up or hang down."""
    length = 0.55 + 0.6 * dog.ear_length
    for side in (-1, 1):
        root_in, root_out = (side * half * 0.35, -0.75), (side * half * 0.98, -0.3)
        if dog.ear_droop > 0.5:
            end = (side * (half + 0.1 + 0.5 * (1 - dog.ear_droop)), -0.5 + length)
        else:
            end = (side * (half * 0.75 + 0.5 * dog.ear_droop), -0.75 - length * 0.75)
        head.polygon([root_in, end, root_out], colour)


def _marks(head: Canvas, dog: Identity, half: float, shift: float, coat: Colour) -> None:
    blaze, patch = 2 * (dog.blaze - 0.5), 2 * (dog.eye_patch - 0.5)
    if blaze > 0:
        wide = 0.08 + 0.24 * blaze
        stripe = [(-wide / 2, -0.85), (wide / 2, -0.85), (shift + wide, 0.4), (shift - wide, 0.4)]
        head.polygon(stripe, _WHITE)
    if patch > 0:
        tone = mix(coat, (70, 35, 15) if dog.coat_lightness > 0.4 else _WHITE, 0.4 + 0.5 * patch)
        head.ellipse(shift + 0.38 * half, -0.12, 0.32, 0.36, tone)


def _face(head: Canvas, dog: Identity, coat: Colour, shift: float, lift: float) -> None:
    radius = 0.11 + 0.09 * dog.eye_size
    for side in (-1, 1):
        x = side * 0.36 + shift
        head.ellipse(x, -0.12 + lift, radius * 1.25, radius * 1.25, _WHITE)
        head.ellipse(x, -0.12 + lift, radius, radius, (45, 28, 18))
    muzzle = mix(coat, _WHITE, 0.25 + 0.65 * dog.muzzle_lightness)
    wide, x, y = 0.3 + 0.24 * dog.muzzle_width, 1.35 * shift, 0.42 + lift
    head.ellipse(x, y, wide, 0.36, muzzle)
    head.ellipse(x, y - 0.16, 0.19, 0.13, _BLACK)
    head.line([(x, y - 0.05), (x, y + 0.12)], 0.05, _BLACK)
    head.arc(x, y + 0.12, wide * 0.55, 0.1, 0.05, _BLACK)
