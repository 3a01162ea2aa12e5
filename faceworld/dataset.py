"""Training pictures, rendered once and kept as one memory-mapped array."""

from __future__ import annotations

from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from numpy.lib.format import open_memmap

from faceworld.canvas import Pixels
from faceworld.captions import caption
from faceworld.factors import Factors, sample_factors
from faceworld.identity import PARAMETERS, sample_identity
from faceworld.renderer import SIZE, render
from faceworld.settings import DataSettings, Settings

_CHUNK = 250  # identities a worker renders at once


def view_factors(seed: int, view: int) -> Factors:
    """The factors of picture `view` of identity `seed`."""
    return sample_factors(np.random.default_rng([seed, 2, view]))


def render_views(seed: int, views: int) -> Pixels:
    """[views, SIZE, SIZE, 3] uint8 pictures of one identity."""
    person = sample_identity(seed)
    return np.stack([render(person, view_factors(seed, view)) for view in range(views)])


def _render_chunk(first: int, count: int, views: int) -> Pixels:
    return np.stack([render_views(seed, views) for seed in range(first, first + count)])


def pictures_path(settings: Settings) -> Path:
    """Where the pictures lie."""
    return settings.work / "pictures.npy"


def prepare(settings: Settings) -> None:
    """Renders all training pictures, uint8 [identities, views, SIZE, SIZE, 3]."""
    data, path = settings.data, pictures_path(settings)
    if path.exists():
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(".partial.npy")
    shape = (data.identities, data.views, SIZE, SIZE, 3)
    pictures: Any = open_memmap(partial, mode="w+", dtype=np.uint8, shape=shape)  # type: ignore[no-untyped-call]
    starts = range(0, data.identities, _CHUNK)
    counts = [min(_CHUNK, data.identities - start) for start in starts]
    with ProcessPoolExecutor(settings.threads) as pool:
        chunks = pool.map(_render_chunk, starts, counts, [data.views] * len(counts))
        for start, chunk in zip(starts, chunks, strict=True):
            pictures[start : start + len(chunk)] = chunk
    pictures.flush()
    partial.replace(path)


def load_pictures(settings: Settings) -> Pixels:
    """[identities, views, SIZE, SIZE, 3] uint8, memory-mapped."""
    pictures: Pixels = np.load(pictures_path(settings), mmap_mode="r")
    return pictures


def features(data: DataSettings) -> npt.NDArray[np.float32]:
    """[identities, len(PARAMETERS)] standardised parameters of the training identities."""
    rows = [sample_identity(seed).features() for seed in range(data.identities)]
    return np.stack(rows).reshape(data.identities, len(PARAMETERS))


def companion_features(data: DataSettings) -> npt.NDArray[np.float32]:
    """[identities, views, len(PARAMETERS)] of each picture's second person; zeros if none."""
    table = np.zeros((data.identities, data.views, len(PARAMETERS)), dtype=np.float32)
    for seed in range(data.identities):
        for view in range(data.views):
            companion = view_factors(seed, view).companion
            if companion is not None:
                table[seed, view] = sample_identity(companion).features()
    return table


def captions_of(seed: int, data: DataSettings) -> list[list[str]]:
    """For each view of an identity, `data.captions` wordings."""
    person, rng = sample_identity(seed), np.random.default_rng([seed, 4])
    every_view = [view_factors(seed, view) for view in range(data.views)]
    return [[caption(person, looks, rng) for _ in range(data.captions)] for looks in every_view]
