"""What people hold, drawn in the frame of the upright body: units of half a head."""

from __future__ import annotations

from collections.abc import Callable

from faceworld.canvas import Canvas, Colour


def _cup(body: Canvas, skin: Colour) -> None:
    body.ellipse(0.98, 2.02, 0.24, 0.24, (200, 60, 30))
    body.ellipse(0.98, 2.02, 0.13, 0.13, (250, 250, 250))
    body.polygon([(0.25, 1.65), (0.95, 1.65), (0.88, 2.4), (0.32, 2.4)], (235, 95, 50))
    body.ellipse(0.6, 1.65, 0.35, 0.09, (90, 45, 25))
    body.ellipse(0.3, 2.15, 0.2, 0.17, skin)


def draw_ball(body: Canvas, x: float, y: float) -> None:
    """A white ball with dark patches."""
    body.ellipse(x, y, 0.62, 0.62, (245, 245, 245))
    for dx, dy in ((0.0, 0.0), (-0.4, -0.35), (0.4, -0.35), (-0.34, 0.4), (0.34, 0.4)):
        body.ellipse(x + dx, y + dy, 0.16, 0.16, (30, 30, 35))


def _ball(body: Canvas, skin: Colour) -> None:
    draw_ball(body, 0.0, 2.1)
    for side in (-1, 1):
        body.ellipse(side * 0.66, 2.2, 0.17, 0.2, skin)


def _guitar(body: Canvas, skin: Colour) -> None:
    wood, dark = (190, 115, 45), (85, 45, 20)
    body.line([(-0.3, 2.3), (1.75, 1.45)], 0.2, dark)
    body.ellipse(-0.1, 2.2, 0.42, 0.4, wood)
    body.ellipse(-0.62, 2.42, 0.56, 0.5, wood)
    body.ellipse(-0.3, 2.28, 0.2, 0.2, dark)
    body.ellipse(1.15, 1.7, 0.18, 0.18, skin)


def _balloon(body: Canvas, skin: Colour) -> None:
    body.line([(1.2, 2.1), (1.62, 0.4)], 0.06, (60, 60, 60))
    body.ellipse(1.65, -0.3, 0.44, 0.56, (230, 40, 120))
    body.polygon([(1.65, 0.2), (1.77, 0.36), (1.53, 0.36)], (230, 40, 120))
    body.ellipse(1.5, -0.5, 0.1, 0.16, (255, 190, 220))
    body.ellipse(1.2, 2.15, 0.19, 0.19, skin)


def _book(body: Canvas, skin: Colour) -> None:
    body.polygon([(-0.8, 1.65), (0.8, 1.65), (0.8, 2.55), (-0.8, 2.55)], (30, 60, 130))
    for side in (-1, 1):
        page = [(side * 0.04, 1.78), (side * 0.72, 1.68), (side * 0.72, 2.4), (side * 0.04, 2.5)]
        body.polygon(page, (250, 248, 235))
        for row in range(3):
            y = 1.9 + 0.18 * row
            body.line([(side * 0.15, y + 0.02), (side * 0.6, y - 0.03)], 0.05, (120, 120, 130))
        body.ellipse(side * 0.82, 2.2, 0.16, 0.2, skin)


ITEMS: dict[str, Callable[[Canvas, Colour], None]] = {
    "cup": _cup,
    "ball": _ball,
    "guitar": _guitar,
    "balloon": _balloon,
    "book": _book,
}
