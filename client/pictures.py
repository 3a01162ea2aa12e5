"""Writes files where they harm nothing: complete or not at all, and never over another file."""

import re
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
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
    suffix = _SUFFIXES.get(mime_type, "")
    with _aside(directory, data) as aside:
        for number in count(1):
            path = directory / f"{stem}{'' if number == 1 else f'-{number}'}{suffix}"
            with suppress(FileExistsError):
                return _moved(aside, path)
    raise AssertionError("there is always a larger number")


def save_file(path: Path, data: bytes) -> None:
    """Writes a file, and its directory if needed.

    Raises:
        FileExistsError: there is such a file.
        OSError: it can't be written.
    """
    with _aside(path.parent, data) as aside:
        _moved(aside, path)


@contextmanager
def _aside(directory: Path, data: bytes) -> Iterator[Path]:
    """A complete file of a name that nobody looks for; gone at the end, unless it was moved."""
    directory.mkdir(parents=True, exist_ok=True)
    aside = directory / f".{uuid.uuid4().hex}.part"
    try:
        aside.write_bytes(data)
        yield aside
    finally:
        aside.unlink(missing_ok=True)


def _moved(aside: Path, path: Path) -> Path:
    """Takes the name by an empty file, so that nobody else gets it, and puts the file there."""
    path.touch(exist_ok=False)
    return aside.replace(path)
