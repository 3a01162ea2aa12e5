"""The denoising loss (paper Eq. 5), its weight over timesteps, and the pull on norms."""

from typing import Literal

import torch
from torch import Tensor

from basemodel import NoiseSchedule


def masked_mean_square(difference: Tensor, mask: Tensor) -> Tensor:
    """Mean square ``[B]`` of ``[B, C, h, w]`` over channels and the pixels of ``[B, 1, h, w]``."""
    squared = difference.float().square().mean(dim=1, keepdim=True) * mask
    return squared.sum(dim=(1, 2, 3)) / mask.sum(dim=(1, 2, 3)).clamp(min=1)


def timestep_weight(
    schedule: NoiseSchedule, timesteps: Tensor, kind: Literal["uniform", "balanced"]
) -> Tensor:
    """Weight ``[B]`` of the prediction's loss at timesteps ``[B]``.

    ``uniform`` is Eq. 5 as it stands. ``balanced`` is ``min((1 + snr) / snr, 15) min(1, 5 / snr)
    / 2`` for the loss of predicted noise: near clean latents as in Min-SNR (2303.09556), and more
    at noisy timesteps, where layout and colours are decided and the plain noise loss is nearly
    zero. A predicted velocity's loss is that of the noise times ``(1 + snr) / snr`` (2202.00512),
    which is taken out of its weight.
    """
    if kind == "uniform":
        return torch.ones(timesteps.shape, device=timesteps.device)
    signal, sigma = (part.flatten() for part in schedule.signal_and_noise(timesteps))
    snr = (signal / sigma).square()
    weight = ((1 + snr) / snr).clamp(max=15) * (5 / snr).clamp(max=1) / 2
    return weight * snr / (1 + snr) if schedule.prediction == "v_prediction" else weight


def norm_penalty(tokens: Tensor, norms: Tensor) -> Tensor:
    """Mean ``[N]`` over the vectors ``[N, S, K, D]`` of ``(|P| / norm - 1)^2``; norms are ``[N]``.

    Learned embeddings can grow up to 100 times as long as a word's (2312.15905).
    """
    growth: Tensor = tokens.norm(dim=-1) / norms[:, None, None] - 1
    return growth.square().mean(dim=(1, 2))
