"""The stage of each row, as tensors: what differs between rows of a batch is data, not code."""

from collections.abc import Sequence

import torch
from torch import Tensor

from identity import TRAIN_TIMESTEPS


def stage_index(timesteps: Tensor, stages: int) -> Tensor:
    """``S - 1 - floor(t * S / 1000)`` of timesteps ``[B]`` in [0, 1000); int64 ``[B]``."""
    return stages - 1 - timesteps.to(torch.int64) * stages // TRAIN_TIMESTEPS


def select_stage(per_stage: Sequence[Tensor], timesteps: Tensor) -> Tensor:
    """Each row's tensor of the stage that its timestep falls into.

    Args:
        per_stage: S tensors ``[B, L, 2D]``, noisiest stage first.
        timesteps: ``[B]`` in [0, 1000).

    Returns:
        ``[B, L, 2D]``.
    """
    stages = stage_index(timesteps, len(per_stage)).view(-1, 1, 1)
    chosen = per_stage[0]
    for stage, candidate in enumerate(per_stage[1:], start=1):
        chosen = torch.where(stages == stage, candidate, chosen)
    return chosen
