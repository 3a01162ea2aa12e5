"""An invisible mark in the pixels, and how it is found again.

Spread spectrum (Cox, Kilian, Leighton and Shamoon, "Secure spread spectrum watermarking for
multimedia", 1997): a secret pattern of signs is added to the low frequencies of the brightness. Its
place among the cosines of the whole picture stays the same whatever size the picture is given, and
compression spares these frequencies, so that a copy that is scaled and saved as JPEG still has it.
A crop or a mirror image has not.

Found is what agrees with the pattern in more signs than chance gives: the pattern is secret and
random, so in any other picture each sign agrees like the toss of a coin. The mark is made just as
strong as that takes, from what the picture itself has at these frequencies.
"""

from functools import lru_cache
from hashlib import shake_256
from math import sqrt

import numpy as np
import numpy.typing as npt

MIN_SIDE = 256
"""Pixels; in smaller pictures there is no room for a mark that survives (docs/provenance.md)."""

THRESHOLD = 5.0
"""Standard deviations above chance: one in 3 million other pictures is taken for ours."""

BAND = 160
"""Frequencies, in half waves a side, up to which the mark reaches; but see ``REACH``."""

REACH = 0.5
"""Of the frequencies that a picture has: the rest is lost when it is made smaller."""

FIRST = 6
"""Frequencies below, in both directions, are left alone: they are seen."""

AIM = 18.0
"""Standard deviations that a mark is made for; textures, which hide more, need more change."""

CHANGE = (0.7, 3.0)
"""Least and largest root mean square of the change, in grey levels of 255."""

_LUMA = np.array([0.299, 0.587, 0.114], np.float32)

Pixels = npt.NDArray[np.uint8]
Floats = npt.NDArray[np.float32]


def can_carry(height: int, width: int) -> bool:
    """Whether a picture is large enough."""
    return min(height, width) >= MIN_SIDE


def mark(pixels: Pixels, key: bytes) -> Pixels:
    """The picture ``[H, W, 3]`` with the mark of a secret key."""
    height, width = pixels.shape[:2]
    rows, columns = _cosines(height), _cosines(width)
    spectrum = rows @ (pixels @ _LUMA) @ columns.T
    pattern = _pattern(key, *spectrum.shape)
    needed = -(spectrum * pattern)[pattern != 0]  # of each sign, until it agrees
    share = 0.5 + AIM / (2 * sqrt(needed.size))
    per_level = sqrt(height * width / needed.size)
    strength = np.clip(np.quantile(needed, min(share, 1.0)) / per_level, *CHANGE) * per_level
    change = np.rint(rows.T @ (strength * pattern) @ columns).astype(np.int16)
    marked = pixels.reshape(height, -1) + np.repeat(change, 3, axis=1)
    shown: Pixels = np.clip(marked, 0, 255).astype(np.uint8).reshape(pixels.shape)
    return shown


def score(pixels: Pixels, key: bytes) -> float:
    """How far a picture agrees with a key's pattern, in standard deviations above chance."""
    height, width = pixels.shape[:2]
    spectrum = _cosines(height) @ (pixels @ _LUMA) @ _cosines(width).T
    pattern = _pattern(key, *spectrum.shape)
    agreement = float(np.sum(np.sign(spectrum) * pattern))
    return agreement / sqrt(np.count_nonzero(pattern))


def _reach(side: int) -> int:
    return min(BAND, int(side * REACH))


@lru_cache(64)
def _cosines(side: int) -> Floats:
    """``[reach, side]``: the first rows of the orthonormal DCT-II."""
    frequency, place = np.ogrid[: _reach(side), :side]
    cosines = np.cos(np.pi * (place + 0.5) * frequency / side) * sqrt(2 / side)
    return cosines.astype(np.float32)  # type: ignore[no-any-return]


@lru_cache(64)
def _pattern(key: bytes, height: int, width: int) -> Floats:
    """``[height, width]`` signs; 0 among the lowest frequencies. Smaller ones are its corners."""
    bits = np.unpackbits(np.frombuffer(shake_256(key).digest(BAND * BAND // 8), np.uint8))
    pattern = bits.reshape(BAND, BAND)[:height, :width].astype(np.float32) * 2 - 1
    pattern[:FIRST, :FIRST] = 0
    return pattern
