"""Writes pictures where they harm nothing: complete or not at all, and never over another file."""

import re
import uuid
from itertools import count
from pathlib import Path

_STEM_LENGTH = 60
_SUFFIXES = {"image/png": ".png", "image/jpeg": ".jpg", "image/webp": ".webp"}


def picture_stem(prompt: str, seed: int) -> str:
    """A file name of a picture without its suffix: `a-photo-of-ann-seed7`."""
    words = re.sub(r"[^a-z0-9]+", "-", prompt.lower())[:_STEM_LENGTH].strip("-")
    return f"{words or 'picture'}-seed{seed}"


def save_picture(directory: Path, stem: str, data: bytes, mime_type: str) -> Path:
    """Writes a picture to `directory`, which is made if needed, and returns its path.

    A name that is taken gets a number: `stem.png`, `stem-2.png`, ...

    Raises:
        OSError: the picture can't be written.
    """
    directory.mkdir(parents=True, exist_ok=True)
    aside = directory / f".{uuid.uuid4().hex}.part"
    try:
        aside.write_bytes(data)
        return aside.replace(_take_name(directory, stem, _SUFFIXES.get(mime_type, "")))
    except BaseException:
        aside.unlink(missing_ok=True)
        raise


def _take_name(directory: Path, stem: str, suffix: str) -> Path:
    """The first free name, taken by an empty file so that nobody else gets it."""
    for number in count(1):
        path = directory / f"{stem}{'' if number == 1 else f'-{number}'}{suffix}"
        try:
            path.touch(exist_ok=False)
        except FileExistsError:
            continue
        return path
    raise AssertionError("there is always a larger number")
