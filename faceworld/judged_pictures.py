"""The pictures that judges learn from: renders, blurred, noisy, and as the VAE repeats them."""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
from diffusers import AutoencoderKL

from faceworld.dataset import load_pictures
from faceworld.pixels import to_model_range, to_pictures
from faceworld.settings import Settings
from faceworld.train_vae import vae_path

_ROUND_TRIPS = 600  # identities whose pictures also pass through the autoencoder


def round_trips(settings: Settings) -> np.ndarray:
    """[_ROUND_TRIPS, views, SIZE, SIZE, 3] training pictures as the autoencoder repeats them.

    Judges that have seen these don't mistake the decoder's softness for another face.
    """
    path = settings.work / "round_trips.npy"
    if not path.exists():
        vae = AutoencoderKL.from_pretrained(vae_path(settings))
        pictures = load_pictures(settings)[:_ROUND_TRIPS]
        rows = []
        for views in pictures:
            with torch.no_grad():
                latents = vae.encode(to_model_range(views)).latent_dist.sample()
                rows.append(to_pictures(vae.decode(latents).sample))
        np.save(path, np.stack(rows))
    return np.load(path, mmap_mode="r")


def augment(pictures: torch.Tensor) -> torch.Tensor:
    """Blur, noise and brightness, a different amount for each picture [N, 3, S, S]."""
    count = (len(pictures), 1, 1, 1)
    soft = F.avg_pool2d(F.pad(pictures, (1, 1, 1, 1), mode="replicate"), 3, stride=1)
    pictures = torch.lerp(pictures, soft, torch.rand(count) * (torch.rand(count) < 0.5))
    noise = torch.randn_like(pictures) * 0.12 * torch.rand(count) * (torch.rand(count) < 0.5)
    return (pictures * (0.94 + 0.12 * torch.rand(count)) + noise).clamp(-1, 1)


class PictureSource:
    """Training pictures with their factors; half of those that allow it are round-tripped."""

    def __init__(self, settings: Settings) -> None:
        self.pictures = load_pictures(settings)
        self.repeated = round_trips(settings) if vae_path(settings).exists() else None
        self.views = self.pictures.shape[1]

    def draw(self, rng: np.random.Generator, seed: int, view: int) -> np.ndarray:
        """One picture, as rendered or round-tripped."""
        if self.repeated is not None and seed < len(self.repeated) and rng.uniform() < 0.5:
            return self.repeated[seed, view]
        return self.pictures[seed, view]

    def seeds(self, rng: np.random.Generator, count: int) -> np.ndarray:
        """Different identities, a third of them from those with round trips."""
        if self.repeated is None:
            return rng.choice(len(self.pictures), count, replace=False)
        few = rng.choice(len(self.repeated), count // 3, replace=False)
        rest = np.arange(len(self.repeated), len(self.pictures))
        return np.concatenate([few, rng.choice(rest, count - len(few), replace=False)])
