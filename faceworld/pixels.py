"""Between pictures (uint8, channels last) and what models read and write (float, in [-1, 1])."""

from __future__ import annotations

import numpy as np
import torch

from faceworld.canvas import Pixels


def to_model_range(pictures: Pixels) -> torch.Tensor:
    """uint8 [N, H, W, 3] -> float [N, 3, H, W] in [-1, 1]."""
    return torch.from_numpy(pictures.astype(np.float32) / 127.5 - 1).permute(0, 3, 1, 2)


def to_pictures(values: torch.Tensor) -> Pixels:
    """float [N, 3, H, W] in [-1, 1] -> uint8 [N, H, W, 3]."""
    levels = (values.float().clamp(-1, 1) + 1) * 127.5
    pictures: Pixels = levels.round().to(torch.uint8).permute(0, 2, 3, 1).numpy()
    return pictures


def in_rows(rows: list[Pixels]) -> Pixels:
    """One picture of rows of pictures, each [N, H, W, 3] -> [R * H, N * W, 3]."""
    return np.concatenate([np.concatenate(list(row), axis=1) for row in rows])
