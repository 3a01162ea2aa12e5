"""What people and dogs wear, drawn in the frame of the head: units of half a head."""

from __future__ import annotations

from faceworld.canvas import Canvas, Colour, mix

_BLACK = (25, 20, 25)


def draw_hat(head: Canvas, half: float, colour: Colour) -> None:
    """A top hat on a head of half width `half`."""
    top = -0.42
    crown = [
        (-half * 0.95, top), (-half * 0.85, top - 0.75),
        (half * 0.85, top - 0.75), (half * 0.95, top),
    ]  # fmt: skip
    band = [
        (-half * 0.95, top), (-half * 0.93, top - 0.18),
        (half * 0.93, top - 0.18), (half * 0.95, top),
    ]  # fmt: skip
    head.polygon(crown, colour)
    head.polygon(band, mix(colour, _BLACK, 0.5))
    head.ellipse(0, top, half * 1.5, 0.13, mix(colour, _BLACK, 0.15))


def draw_crown(head: Canvas, half: float) -> None:
    """A golden crown with three points and red stones."""
    gold, low, high = (250, 200, 40), -0.48, -1.15
    points = [(-half, low), (-half * 1.05, high), (-half * 0.5, low - 0.32), (0, high)]
    points += [(half * 0.5, low - 0.32), (half * 1.05, high), (half, low)]
    head.polygon(points, gold)
    head.line([(-half, low), (half, low)], 0.1, (190, 135, 20))
    for x in (-half * 0.6, 0.0, half * 0.6):
        head.ellipse(x, low - 0.17, 0.09, 0.09, (215, 30, 60))


def draw_scarf(body: Canvas) -> None:
    """A striped scarf around the neck, one end hanging down."""
    red, pale = (235, 110, 20), (255, 235, 190)
    body.polygon([(-0.62, 0.92), (0.62, 0.92), (0.72, 1.34), (-0.72, 1.34)], red)
    body.polygon([(0.22, 1.25), (0.62, 1.2), (0.72, 2.3), (0.3, 2.35)], red)
    for x in (-0.42, 0.0, 0.42):
        body.line([(x, 0.94), (x * 1.15, 1.33)], 0.09, pale)
    for y in (1.6, 2.0):
        body.line([(0.28, y), (0.68, y - 0.03)], 0.09, pale)
