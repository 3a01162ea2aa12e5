"""Eight places, drawn behind a person on a plane of 256 x 256 pixels."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from PIL import Image, ImageDraw

from faceworld.canvas import mix

_SIDE = 256


def _beach(draw: ImageDraw.ImageDraw, rng: np.random.Generator) -> None:
    sea, sand = rng.integers(95, 125), rng.integers(150, 175)
    draw.rectangle((0, 0, _SIDE, sea), fill=(150, 215, 250))
    draw.rectangle((0, sea, _SIDE, sand), fill=(30, 120, 200))
    draw.rectangle((0, sand, _SIDE, _SIDE), fill=(240, 215, 140))
    x = int(rng.choice([30, 220]))
    draw.ellipse((x - 24, 12, x + 24, 60), fill=(255, 225, 60))


def _forest(draw: ImageDraw.ImageDraw, rng: np.random.Generator) -> None:
    draw.rectangle((0, 0, _SIDE, _SIDE), fill=(165, 205, 165))
    draw.rectangle((0, 180, _SIDE, _SIDE), fill=(80, 120, 50))
    for x in np.arange(5, _SIDE, 41) + rng.integers(-10, 10, size=7):
        x, top = int(x), int(rng.integers(5, 50))
        draw.rectangle((x - 7, 120, x + 7, 215), fill=(95, 60, 30))
        green = mix((20, 90, 40), (50, 130, 50), float(rng.uniform()))
        draw.polygon([(x, top), (x - 34, 170), (x + 34, 170)], fill=green)


def _city(draw: ImageDraw.ImageDraw, rng: np.random.Generator) -> None:
    draw.rectangle((0, 0, _SIDE, _SIDE), fill=(185, 195, 210))
    draw.rectangle((0, 220, _SIDE, _SIDE), fill=(80, 80, 85))
    for left in range(0, _SIDE, 52):
        top, grey = int(rng.integers(10, 70)), int(rng.integers(95, 145))
        draw.rectangle((left + 2, top, left + 48, 220), fill=(grey, grey, grey + 12))
        for x in (left + 10, left + 30):
            for y in range(top + 12, 205, 32):
                draw.rectangle((x, y, x + 10, y + 16), fill=(250, 230, 140))


def _snow(draw: ImageDraw.ImageDraw, rng: np.random.Generator) -> None:
    draw.rectangle((0, 0, _SIDE, _SIDE), fill=(175, 200, 225))
    for x in (20, 130, 240):
        x, top = x + int(rng.integers(-20, 20)), int(rng.integers(20, 60))
        draw.polygon([(x, top), (x - 90, 190), (x + 90, 190)], fill=(120, 140, 175))
        draw.polygon([(x, top), (x - 32, top + 55), (x + 32, top + 55)], fill=(245, 248, 255))
    draw.rectangle((0, 170, _SIDE, _SIDE), fill=(245, 248, 255))


def _kitchen(draw: ImageDraw.ImageDraw, rng: np.random.Generator) -> None:
    draw.rectangle((0, 0, _SIDE, _SIDE), fill=(245, 225, 190))
    for x in (0, 64, 128, 192):
        draw.rectangle((x + 3, 0, x + 61, 62), fill=(165, 100, 55))
        draw.rectangle((x + 28, 44, x + 36, 54), fill=(235, 215, 170))
    draw.rectangle((0, 165, _SIDE, 180), fill=(110, 65, 35))
    draw.rectangle((0, 180, _SIDE, _SIDE), fill=(190, 125, 75))
    x = int(rng.choice([18, 190]))
    draw.rectangle((x, 90, x + 48, 165), fill=(200, 60, 55))


def _night(draw: ImageDraw.ImageDraw, rng: np.random.Generator) -> None:
    draw.rectangle((0, 0, _SIDE, _SIDE), fill=(18, 20, 60))
    for x, y in rng.integers(5, 250, size=(22, 2)).tolist():
        draw.rectangle((x - 3, y - 3, x + 3, y + 3), fill=(240, 240, 200))
    x = int(rng.choice([34, 218]))
    draw.ellipse((x - 24, 14, x + 24, 62), fill=(245, 240, 190))
    draw.rectangle((0, 225, _SIDE, _SIDE), fill=(25, 45, 45))


def _desert(draw: ImageDraw.ImageDraw, rng: np.random.Generator) -> None:
    draw.rectangle((0, 0, _SIDE, _SIDE), fill=(255, 200, 130))
    x = int(rng.integers(30, 226))
    draw.ellipse((x - 120, 120, x + 120, 300), fill=(215, 140, 70))
    draw.rectangle((0, 190, _SIDE, _SIDE), fill=(230, 165, 85))
    for x in (22 + int(rng.integers(-8, 8)), 232 + int(rng.integers(-8, 8))):
        top = int(rng.integers(70, 110))
        draw.rounded_rectangle((x - 9, top, x + 9, 215), 9, fill=(60, 125, 60))
        draw.rounded_rectangle((x - 26, top + 30, x - 16, top + 66), 5, fill=(60, 125, 60))
        draw.rectangle((x - 26, top + 56, x, top + 66), fill=(60, 125, 60))


def _garden(draw: ImageDraw.ImageDraw, rng: np.random.Generator) -> None:
    draw.rectangle((0, 0, _SIDE, _SIDE), fill=(190, 225, 255))
    for x in range(-4, _SIDE, 30):
        draw.rectangle((x, 70, x + 18, 150), fill=(250, 250, 245))
        draw.polygon([(x, 70), (x + 9, 54), (x + 18, 70)], fill=(250, 250, 245))
    draw.rectangle((0, 90, _SIDE, 100), fill=(235, 235, 228))
    draw.rectangle((0, 145, _SIDE, _SIDE), fill=(120, 195, 80))
    petals = [(235, 60, 90), (250, 210, 60), (170, 80, 200), (255, 255, 255)]
    for x, y in zip(rng.integers(0, _SIDE, 22), rng.integers(155, 250, 22), strict=True):
        x, y = int(x), int(y)
        draw.ellipse((x - 8, y - 8, x + 8, y + 8), fill=petals[int(rng.integers(4))])


_PLACES: dict[str, Callable[[ImageDraw.ImageDraw, np.random.Generator], None]] = {
    "beach": _beach,
    "forest": _forest,
    "city": _city,
    "snow": _snow,
    "kitchen": _kitchen,
    "night": _night,
    "desert": _desert,
    "garden": _garden,
}


def draw_scene(image: Image.Image, scene: str, seed: int) -> None:
    """Fills the plane with a scene; `seed` places its details."""
    _PLACES[scene](ImageDraw.Draw(image), np.random.default_rng([seed, 3]))
