"""The pictures that judges learn from: renders, blurred, noisy, and as the VAE repeats them."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import torch
from torch.nn import functional

from faceworld.canvas import Pixels
from faceworld.dataset import load_pictures
from faceworld.pixels import to_model_range, to_pictures
from faceworld.settings import Settings
from faceworld.train_vae import load_vae

_ROUND_TRIPS = 600  # identities whose pictures also pass through the autoencoder


def round_trips(settings: Settings) -> Pixels:
    """[_ROUND_TRIPS, views, SIZE, SIZE, 3] training pictures as the autoencoder repeats them.

    Judges that have seen these don't mistake the decoder's softness for another face.
    """
    path = settings.work / "round_trips.npy"
    if not path.exists():
        vae = load_vae(settings)
        pictures = load_pictures(settings)[:_ROUND_TRIPS]
        rows = []
        for views in pictures:
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
    """Training pictures with their factors; half of those that allow it are round-tripped."""

    def __init__(self, settings: Settings) -> None:
        self.pictures = load_pictures(settings)
        self.repeated = round_trips(settings)
        self.views = self.pictures.shape[1]

    def draw(self, rng: np.random.Generator, seed: int, view: int) -> Pixels:
        """One picture, as rendered or round-tripped."""
        if seed < len(self.repeated) and rng.uniform() < 0.5:
            return np.asarray(self.repeated[seed, view])
        return np.asarray(self.pictures[seed, view])

    def seeds(self, rng: np.random.Generator, count: int) -> npt.NDArray[np.int64]:
        """Different identities, a third of them from those with round trips."""
        few = rng.choice(len(self.repeated), count // 3, replace=False)
        rest = np.arange(len(self.repeated), len(self.pictures))
        return np.concatenate([few, rng.choice(rest, count - len(few), replace=False)])
