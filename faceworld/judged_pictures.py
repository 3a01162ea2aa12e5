"""The pictures that judges learn from: renders, blurred, noisy, and as the VAE repeats them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import numpy.typing as npt
import torch
from torch.nn import functional

from faceworld.canvas import Pixels
from faceworld.dataset import load_pictures, subjects, view_factors
from faceworld.identity import sample_identity
from faceworld.judges import face_crops
from faceworld.pixels import to_model_range, to_pictures
from faceworld.renderer import render
from faceworld.settings import Settings
from faceworld.train_vae import load_vae

_ROUND_TRIPS = 800  # identities


def repeated_rows(settings: Settings) -> npt.NDArray[np.int64]:
    """[R] identities whose pictures also pass through the autoencoder, in rising order."""
    count = len(subjects(settings.data))
    return np.unique(np.linspace(0, count - 1, min(_ROUND_TRIPS, count)).astype(np.int64))


def round_trips(settings: Settings) -> Pixels:
    """[R, views, SIZE, SIZE, 3] training pictures as the autoencoder repeats them.

    Judges that have seen these don't mistake the decoder's softness for another face.
    """
    path = settings.work / "round_trips.npy"
    if not path.exists():
        vae = load_vae(settings)
        rows = []
        for views in load_pictures(settings)[repeated_rows(settings)]:
            with torch.no_grad():
                latents = vae.encode(to_model_range(views)).latent_dist.sample()
                rows.append(to_pictures(vae.decode(latents).sample))
        np.save(path, np.stack(rows))
    repeated: Pixels = np.load(path, mmap_mode="r")
    return repeated


def augment(pictures: torch.Tensor) -> torch.Tensor:
    """Blur, noise and brightness, a different amount for each picture [N, 3, S, S]."""
    count = (len(pictures), 1, 1, 1)
    soft = functional.avg_pool2d(
        functional.pad(pictures, (1, 1, 1, 1), mode="replicate"), 3, stride=1
    )
    pictures = torch.lerp(pictures, soft, torch.rand(count) * (torch.rand(count) < 0.5))
    noise = torch.randn_like(pictures) * 0.12 * torch.rand(count) * (torch.rand(count) < 0.5)
    return (pictures * (0.94 + 0.12 * torch.rand(count)) + noise).clamp(-1, 1)


class PictureSource:
    """Training pictures of single subjects; half of those that allow it are round-tripped.

    Of a picture of two people it gives one face: of the left one as rendered, or of the right one
    in a picture with their roles exchanged.
    """

    def __init__(self, settings: Settings) -> None:
        self.pictures = load_pictures(settings)
        self.subjects = subjects(settings.data)
        self.views = self.pictures.shape[1]
        self._repeated = round_trips(settings)
        self._repeated_rows = repeated_rows(settings)

    def whole(self, rng: np.random.Generator, row: int, view: int) -> Pixels:
        """Picture `view` of identity `row`, as rendered or round-tripped."""
        place = int(np.searchsorted(self._repeated_rows, row))
        known = place < len(self._repeated_rows) and self._repeated_rows[place] == row
        if known and rng.uniform() < 0.5:
            return np.asarray(self._repeated[place, view])
        return np.asarray(self.pictures[row, view])

    def subject(self, rng: np.random.Generator, row: int, view: int) -> Pixels:
        """The same with only the subject in it."""
        factors = view_factors(self.subjects[row], view)
        if factors.companion is None:
            return self.whole(rng, row, view)
        side = int(rng.integers(2))
        if side == 0:
            picture = self.whole(rng, row, view)
        else:
            exchanged = replace(factors, companion=self.subjects[row].seed)
            picture = render(sample_identity(factors.companion), exchanged)
        return np.asarray(face_crops(picture[None])[0, side])

    def rows(self, rng: np.random.Generator, count: int) -> npt.NDArray[np.int64]:
        """Different identities, a third of them from those with round trips."""
        few = rng.choice(self._repeated_rows, count // 3, replace=False)
        rest = np.setdiff1d(np.arange(len(self.pictures)), few)
        return np.concatenate([few, rng.choice(rest, count - len(few), replace=False)])
