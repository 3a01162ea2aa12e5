"""Training pictures, rendered once and kept as one memory-mapped array."""

from __future__ import annotations

from concurrent.futures import ProcessPoolExecutor
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from numpy.lib.format import open_memmap

from faceworld.canvas import Pixels
from faceworld.captions import caption
from faceworld.factors import Factors, sample_factors
from faceworld.identity import FEATURES, Identity, sample_identity
from faceworld.renderer import SIZE, render
from faceworld.settings import DataSettings, Settings
from faceworld.vocabulary import CATEGORIES

_CHUNK = 250  # identities a worker renders at once


@cache
def subjects(data: DataSettings) -> tuple[Identity, ...]:
    """All training identities: people, then dogs, then cars."""
    counts = zip(CATEGORIES, (data.people, data.dogs, data.cars), strict=True)
    return tuple(sample_identity(seed, kind) for kind, count in counts for seed in range(count))


def view_factors(subject: Identity, view: int) -> Factors:
    """The factors of picture `view` of an identity."""
    kind = CATEGORIES.index(subject.category)
    rng = np.random.default_rng([subject.seed, 2, view, *([kind] if kind else [])])
    return sample_factors(rng, subject.category)


def render_views(subject: Identity, views: int) -> Pixels:
    """[views, SIZE, SIZE, 3] uint8 pictures of one identity."""
    return np.stack([render(subject, view_factors(subject, view)) for view in range(views)])


def _render_chunk(some: tuple[Identity, ...], views: int) -> Pixels:
    return np.stack([render_views(subject, views) for subject in some])


def pictures_path(settings: Settings) -> Path:
    """Where the pictures lie."""
    return settings.work / "pictures.npy"


def prepare(settings: Settings) -> None:
    """Renders all training pictures, uint8 [identities, views, SIZE, SIZE, 3]."""
    everybody, path = subjects(settings.data), pictures_path(settings)
    if path.exists():
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(".partial.npy")
    views = settings.data.views
    shape = (len(everybody), views, SIZE, SIZE, 3)
    pictures: Any = open_memmap(partial, mode="w+", dtype=np.uint8, shape=shape)  # type: ignore[no-untyped-call]
    starts = range(0, len(everybody), _CHUNK)
    chunks = [everybody[start : start + _CHUNK] for start in starts]
    with ProcessPoolExecutor(settings.threads) as pool:
        rendered = pool.map(_render_chunk, chunks, [views] * len(chunks))
        for start, chunk in zip(starts, rendered, strict=True):
            pictures[start : start + len(chunk)] = chunk
    pictures.flush()
    partial.replace(path)


def load_pictures(settings: Settings) -> Pixels:
    """[identities, views, SIZE, SIZE, 3] uint8, memory-mapped."""
    pictures: Pixels = np.load(pictures_path(settings), mmap_mode="r")
    return pictures


def features(data: DataSettings) -> npt.NDArray[np.float32]:
    """[identities, FEATURES] standardised parameters of the training identities."""
    return np.stack([subject.features() for subject in subjects(data)])


def companion_features(data: DataSettings) -> npt.NDArray[np.float32]:
    """[identities, views, FEATURES] of each picture's second person; zeros if none."""
    table = np.zeros((len(subjects(data)), data.views, FEATURES), dtype=np.float32)
    for row, subject in enumerate(subjects(data)):
        for view in range(data.views):
            companion = view_factors(subject, view).companion
            if companion is not None:
                table[row, view] = sample_identity(companion).features()
    return table


def captions_of(subject: Identity, data: DataSettings) -> list[list[str]]:
    """For each view of an identity, `data.captions` wordings."""
    rng = np.random.default_rng([subject.seed, 4, CATEGORIES.index(subject.category)])
    every_view = [view_factors(subject, view) for view in range(data.views)]
    return [[caption(subject, looks, rng) for _ in range(data.captions)] for looks in every_view]
