"""What the diffusion model reads while it trains: latents, captions and people, in memory."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import torch
from transformers import CLIPTokenizer

from faceworld.dataset import (
    captions_of,
    companion_features,
    features,
    load_pictures,
    subjects,
    view_factors,
)
from faceworld.factors import factor_vector
from faceworld.identity import FEATURES
from faceworld.pixels import to_model_range
from faceworld.renderer import SIZE
from faceworld.settings import Settings
from faceworld.tokenizer import encode
from faceworld.train_vae import load_vae
from faceworld.training import save_atomically

_ENCODE_BATCH = 50


@dataclass
class Corpus:
    """Everything that training reads, in memory. M pictures, C wordings each.

    Attributes:
        latents: [M, 4, 16, 16] half precision, unit variance.
        ids: [M, C, L] token ids.
        people: [M, 2, FEATURES] standardised parameters of the first and second subject.
        factors: [M, F] factors as numbers.
        empty: [L] ids of the empty caption.
    """

    latents: torch.Tensor
    ids: torch.Tensor
    people: torch.Tensor
    factors: torch.Tensor
    empty: torch.Tensor

    def draw(self, count: int, dropout: float) -> tuple[torch.Tensor, ...]:
        """(latents, ids, people, factors) of random pictures; some with an empty caption."""
        rows = torch.randint(len(self.latents), (count,))
        wording = torch.randint(self.ids.shape[1], (count,))
        ids = self.ids[rows, wording].long()
        ids[torch.rand(count) < dropout] = self.empty
        return self.latents[rows].float(), ids, self.people[rows], self.factors[rows]


def _encode_pictures(settings: Settings) -> torch.Tensor:
    """[M, 4, 16, 16] half precision latents of all training pictures, kept on disk."""
    path = settings.work / "latents.pt"
    if not path.exists():
        vae = load_vae(settings)
        pictures = load_pictures(settings).reshape(-1, SIZE, SIZE, 3)

        @torch.no_grad()
        def encode_some(first: int) -> torch.Tensor:
            some = to_model_range(pictures[first : first + _ENCODE_BATCH])
            latents = vae.encode(some).latent_dist.mode() * vae.config.scaling_factor
            halved: torch.Tensor = latents.half()
            return halved

        with ThreadPoolExecutor(settings.threads) as pool:
            chunks = list(pool.map(encode_some, range(0, len(pictures), _ENCODE_BATCH)))
        save_atomically(torch.cat(chunks), path)
    latents: torch.Tensor = torch.load(path, weights_only=True)
    return latents


def _tell(settings: Settings, tokenizer: CLIPTokenizer) -> dict[str, torch.Tensor]:
    """Captions, people and factors of all training pictures, kept on disk."""
    path = settings.work / "captions.pt"
    data = settings.data
    if not path.exists():
        ids, factors = [], []
        for subject in subjects(data):
            wordings = captions_of(subject, data)
            flat = encode(tokenizer, [text for view in wordings for text in view])
            ids.append(flat.view(data.views, data.captions, -1).to(torch.int16))
            factors += [factor_vector(view_factors(subject, view)) for view in range(data.views)]
        first = np.repeat(features(data), data.views, axis=0)
        second = companion_features(data).reshape(-1, FEATURES)
        everything = {
            "ids": torch.cat(ids),
            "people": torch.from_numpy(np.stack([first, second], axis=1)),
            "factors": torch.from_numpy(np.stack(factors)),
        }
        save_atomically(everything, path)
    told: dict[str, torch.Tensor] = torch.load(path, weights_only=True)
    return told


def load_corpus(settings: Settings, tokenizer: CLIPTokenizer) -> Corpus:
    """Prepares what is missing on disk, and reads it."""
    told = _tell(settings, tokenizer)
    return Corpus(_encode_pictures(settings), **told, empty=encode(tokenizer, [""])[0])
