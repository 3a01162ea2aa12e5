"""A picture plane on which shapes are given in a local, turned and scaled frame."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw

Colour = tuple[int, int, int]
Points = npt.NDArray[np.float64]

#: Pictures, one or many, channels last.
Pixels = npt.NDArray[np.uint8]

_ANGLES = np.linspace(0, 2 * math.pi, 28, endpoint=False)
_CIRCLE = np.stack([np.cos(_ANGLES), np.sin(_ANGLES)], axis=1)


def mix(first: Sequence[float], second: Sequence[float], amount: float) -> Colour:
    """`first` moved by `amount` in [0, 1] towards `second`, RGB in 0..255."""
    red, green, blue = (
        int(min(255, max(0, a + (b - a) * amount))) for a, b in zip(first, second, strict=True)
    )
    return red, green, blue


class Canvas:
    """Draws in units of half a head: origin at the head's centre, y down, turned by `roll`.

    Args:
        image: RGB picture that is drawn on.
        centre: the origin, in pixels.
        unit: pixels of one unit.
        roll: radians, clockwise.
    """

    def __init__(
        self, image: Image.Image, centre: tuple[float, float], unit: float, roll: float = 0.0
    ) -> None:
        self._draw = ImageDraw.Draw(image)
        self._image = image
        self._centre = np.asarray(centre, dtype=float)
        self._unit = unit
        self._roll = roll
        cos, sin = math.cos(roll) * unit, math.sin(roll) * unit
        self._matrix = np.array([[cos, sin], [-sin, cos]])

    def upright(self) -> Canvas:
        """The same frame without its roll."""
        return Canvas(self._image, tuple(self._centre), self._unit)

    def _pixels(self, points: Points) -> list[float]:
        pixels: list[float] = (points @ self._matrix + self._centre).ravel().tolist()
        return pixels

    def polygon(self, points: Sequence[Sequence[float]] | Points, colour: Colour) -> None:
        """Fills the polygon with corners `points` [N, 2]."""
        self._draw.polygon(self._pixels(np.asarray(points, dtype=float)), fill=colour)

    def ellipse(self, x: float, y: float, rx: float, ry: float, colour: Colour) -> None:
        """Fills an ellipse around (x, y)."""
        self.polygon(_CIRCLE * (rx, ry) + (x, y), colour)

    def line(
        self, points: Sequence[Sequence[float]] | Points, width: float, colour: Colour
    ) -> None:
        """Draws a line through `points` [N, 2]."""
        pixels = self._pixels(np.asarray(points, dtype=float))
        thickness = max(1, round(width * self._unit))
        self._draw.line(pixels, fill=colour, width=thickness, joint="curve")

    def arc(
        self, x: float, y: float, half_width: float, sag: float, width: float, colour: Colour
    ) -> None:
        """Draws a bow of the given half width whose middle hangs `sag` lower than its ends."""
        t = np.linspace(-1, 1, 9)
        self.line(np.stack([x + half_width * t, y + sag * (1 - t**2)], axis=1), width, colour)
