"""Augmented views of the source images (paper IV-A), encoded by the VAE once."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from PIL import Image
from torch import Tensor

from basemodel import BaseModel
from trainer.config import TrainingConfig
from trainer.errors import InputError

Pixels = npt.NDArray[np.uint8]

_ENCODE_ROWS = 8
_GREY = np.array([0.299, 0.587, 0.114], np.float32)  # ITU-R 601 luma


@dataclass(frozen=True)
class Views:
    """Latents of the views, and where in them the image is.

    Attributes:
        latents: ``[V, C, h, w]``.
        masks: ``[V, 1, h, w]``; 1 where the latent pixel lies wholly in the pasted image.
    """

    latents: Tensor
    masks: Tensor


def make_views(
    base: BaseModel, images: Sequence[Pixels], config: TrainingConfig, seed: int
) -> Views:
    """The images, each ``[H, W, 3]``, and then augmented views of them in turn.

    Raises:
        InputError: there are more images than views.
    """
    if len(images) > config.views:
        raise InputError(
            "INVALID_CONFIG",
            f"views: must be at least the {len(images)} images, got {config.views}",
        )
    rng = np.random.default_rng(seed)
    factor = base.image_size[0] // base.latent_shape[1]
    pictures = list(images)
    masks = [np.ones(base.latent_shape[1:], np.float32) for _ in images]
    for view in range(len(images), config.views):
        picture, mask = augment(images[view % len(images)], config, factor, rng)
        pictures.append(picture)
        masks.append(mask)
    pixels = torch.from_numpy(np.stack(pictures)).permute(0, 3, 1, 2) / 127.5 - 1
    latents = torch.cat([base.encode(rows).float() for rows in torch.split(pixels, _ENCODE_ROWS)])
    return Views(latents, torch.from_numpy(np.stack(masks))[:, None].to(latents.device))


def augment(
    image: Pixels, config: TrainingConfig, factor: int, rng: np.random.Generator
) -> tuple[Pixels, npt.NDArray[np.float32]]:
    """Colour jitter, horizontal flip, random scaling and place.

    The room around a scaled-down image is filled by its border pixels, and masked.

    Args:
        image: ``[H, W, 3]``.
        config: how much of each.
        factor: pixels of a latent pixel.
        rng: draws.

    Returns:
        The view ``[H, W, 3]`` and its mask ``[h, w]``.
    """
    height, width, _ = image.shape
    scale = rng.uniform(config.smallest_scale, 1)
    rows, columns = max(1, round(height * scale)), max(1, round(width * scale))
    top, left = (int(rng.integers(room + 1)) for room in (height - rows, width - columns))
    flipped = rng.uniform() < config.flip
    view = jittered(image, rng.uniform(-1, 1, size=3) * config.jitter)
    if flipped:
        view = view[:, ::-1]
    small = Image.fromarray(view).resize((columns, rows), Image.Resampling.LANCZOS)
    room = ((top, height - rows - top), (left, width - columns - left), (0, 0))
    mask = np.zeros((height // factor, width // factor), np.float32)
    inside = [
        slice(-(-first // factor), (first + length) // factor)
        for first, length in ((top, rows), (left, columns))
    ]
    mask[inside[0], inside[1]] = 1
    return np.pad(np.asarray(small), room, mode="edge"), mask


def jittered(image: Pixels, amounts: npt.NDArray[np.float64]) -> Pixels:
    """Brightness, contrast and saturation of ``[H, W, 3]`` times ``1 + amounts``, in that order."""
    brightness, contrast, saturation = (1 + amounts).astype(np.float32)
    pixels = image.astype(np.float32) * brightness
    mean = (pixels @ _GREY).mean()
    pixels = mean + (pixels - mean) * contrast
    grey = (pixels @ _GREY)[..., None]
    pixels = grey + (pixels - grey) * saturation
    result: Pixels = pixels.clip(0, 255).round().astype(np.uint8)
    return result
