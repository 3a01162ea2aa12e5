"""Which timesteps the rows of a step train, and with them which stages' vectors."""

import torch
from torch import Tensor

from identity import TRAIN_TIMESTEPS, stage_timesteps
from trainer.config import TrainingConfig


def draw_timesteps(config: TrainingConfig, step: int, generator: torch.Generator) -> Tensor:
    """``[config.batch]`` int64 timesteps in ``[0, 1000)`` of one identity's rows at a step."""
    match config.timestep_sampling:
        case "uniform":
            return torch.randint(TRAIN_TIMESTEPS, (config.batch,), generator=generator)
        case "stratified":
            return stratified_timesteps(config.batch, generator)
        case "stages":
            return staged_timesteps(config.batch, step * config.batch, config.stages, generator)


def stratified_timesteps(rows: int, generator: torch.Generator) -> Tensor:
    """One of each of ``rows`` equal parts of the range, ``[rows]``.

    Each is uniform over all together; a batch covers early and late stages evenly.
    """
    parts = torch.arange(rows) + torch.rand(rows, generator=generator)
    return (parts * (TRAIN_TIMESTEPS / rows)).long().clamp(max=TRAIN_TIMESTEPS - 1)


def staged_timesteps(
    rows: int, rows_before: int, stages: int, generator: torch.Generator
) -> Tensor:
    """Rows take the stages in turn, from step to step; uniform within a stage; ``[rows]``.

    So every vector of an identity is trained by equally many rows, however few a step has.
    """
    turns = [stage_timesteps((rows_before + row) % stages, stages) for row in range(rows)]
    first = torch.tensor([turn.start for turn in turns])
    length = torch.tensor([len(turn) for turn in turns])
    return first + (torch.rand(rows, generator=generator) * length).long().clamp(max=length - 1)
