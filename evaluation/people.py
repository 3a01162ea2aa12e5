"""Whom an evaluation learns, and the strangers they could be taken for."""

import hashlib
from pathlib import Path
from typing import Protocol

import numpy as np

from basemodel.drawing import Pictures
from evaluation.errors import EvaluationError
from trainer.errors import InputError
from trainer.image import decode_image

GALLERY = 256
"""People whose source images are compared with every picture: the evaluated ones come first."""


class People(Protocol):
    """Numbered people with one source image each.

    Attributes:
        description: names them; results of other people are never mixed with theirs.
        count: how many there are; None: without end.
    """

    description: str
    count: int | None

    def source(self, person: int) -> Pictures:
        """The one image ``[H, W, 3]`` to learn a person from."""

    def fresh(self, person: int) -> Pictures | None:
        """Two more pictures ``[2, H, W, 3]`` of the same person, where such can be had."""


class FaceWorldPeople:
    """Held-out people of the face world, or its dogs or cars.

    Args:
        category: one of ``faceworld.CATEGORIES``.

    Raises:
        EvaluationError: the face world has no such category.
    """

    count: int | None = None

    def __init__(self, category: str = "person") -> None:
        from faceworld import CATEGORIES

        if category not in CATEGORIES:
            raise EvaluationError(
                f"--class-noun: the face world has {', '.join(CATEGORIES)}, not {category!r}; "
                "give --sources"
            )
        self._category = category
        kind = "" if category == "person" else f" {category}s"
        self.description = f"face world, held out{kind}"

    def source(self, person: int) -> Pictures:
        """A plain close-up."""
        from faceworld import source_image

        return source_image(person, self._category)

    def fresh(self, person: int) -> Pictures:
        """Two more plain pictures: other pose, light and shirt."""
        from faceworld import held_out_identity, plain_pictures

        return plain_pictures(held_out_identity(person, self._category), 3)[1:]


class FolderPeople:
    """One person per image file of a folder, in the order of their names.

    Args:
        folder: PNG, JPEG or WebP files; other files are passed over.
        image_size: (height, width) that the base model draws.

    Raises:
        EvaluationError: there is no image.
    """

    def __init__(self, folder: Path, image_size: tuple[int, int]) -> None:
        suffixes = {".png", ".jpg", ".jpeg", ".webp"}
        self._files = sorted(path for path in folder.glob("*") if path.suffix.lower() in suffixes)
        if not self._files:
            raise EvaluationError(f"--sources: no PNG, JPEG or WebP image in {folder}")
        self._image_size = image_size
        total = hashlib.sha256()
        for path in self._files:
            total.update(hashlib.sha256(path.read_bytes()).digest())
        self.description = f"{len(self._files)} images, sha256:{total.hexdigest()}"
        self.count: int | None = len(self._files)

    def source(self, person: int) -> Pictures:
        """Cropped to the base model's size. Raises :class:`EvaluationError`."""
        path = self._files[person]
        try:
            return decode_image(path.read_bytes(), *self._image_size)
        except InputError as error:
            raise EvaluationError(f"--sources: {path.name}: {error}") from error

    def fresh(self, person: int) -> None:
        """There are none."""


def gallery(people: People, first: int) -> Pictures:
    """Source images ``[N, H, W, 3]`` of up to :data:`GALLERY` people from ``first`` on."""
    last = first + GALLERY if people.count is None else min(first + GALLERY, people.count)
    return np.stack([people.source(person) for person in range(first, last)])
