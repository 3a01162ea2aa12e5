"""Cheap previews: the linear map from latents to colours that is nearest to the VAE's decoder."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.nn.functional import avg_pool2d, interpolate

from basemodel import BaseModel
from export.sizes import PictureSizes

PICTURES = 4
SIDE = 32
"""Pixels of a picture's side at least, and twice what a side is a multiple of. A few hundred
latents are enough for five numbers a colour, and Stable Diffusion's VAE is slow on a CPU."""
PATCHES = 8
"""Colours along each side of a picture that the map is fitted to."""


@dataclass(frozen=True)
class LatentRgb:
    """A linear map from a latent to the colour of the pixels it stands for.

    Attributes:
        matrix: ``[C + 1, 3]`` float32; the last row is added: ``[z, 1] @ matrix`` is RGB in [0, 1].
        error: root mean square on pictures that it was not fitted to, on the same scale.
    """

    matrix: npt.NDArray[np.float32]
    error: float


def fit_latent_rgb(base_model: BaseModel, sizes: PictureSizes) -> LatentRgb:
    """Least squares between latents and what the VAE's decoder makes of them.

    The latents are those of smooth random colour fields, encoded by the base model; a pixel of the
    preview is the mean of the decoded pixels of its latent. Half of the pictures are fitted, the
    other half gives the error.
    """
    random = torch.Generator().manual_seed(0)
    colours = torch.rand(2 * PICTURES, 3, PATCHES, PATCHES, generator=random) * 2 - 1
    side = max(SIDE, 2 * sizes.multiple)
    fields = interpolate(colours, (side, side), mode="bicubic").clamp(-1, 1)
    latents, pixels = [], []
    for field in fields[:, None]:  # one at a time: a decoder needs much memory
        latent = base_model.encode(field)
        decoded = (base_model.decode(latent) / 2 + 0.5).clamp(0, 1)
        latents.append(_rows(latent))
        pixels.append(_rows(avg_pool2d(decoded, sizes.pixels_per_latent)))
    known = np.concatenate(latents[:PICTURES]), np.concatenate(pixels[:PICTURES])
    unseen = np.concatenate(latents[PICTURES:]), np.concatenate(pixels[PICTURES:])
    matrix = np.linalg.lstsq(_with_ones(known[0]), known[1], rcond=None)[0].astype(np.float32)
    missed = _with_ones(unseen[0]) @ matrix - unseen[1]
    return LatentRgb(matrix, float(np.sqrt(np.mean(missed**2))))


def _rows(tensor: Tensor) -> npt.NDArray[np.float32]:
    """``[1, C, h, w]`` to ``[h w, C]``."""
    return np.asarray(tensor[0].flatten(1).T.float().numpy())


def _with_ones(latents: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    return np.concatenate([latents, np.ones((len(latents), 1), np.float32)], axis=1)
