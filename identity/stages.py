"""Diffusion stages (paper III-C): the timesteps divided evenly, each stage with its own tokens.

Stage 0 is the noisiest, the first one used when generating; early stages settle the layout, late
ones the detail.
"""

STAGES = 5
"""Stages of the paper's method."""

TRAIN_TIMESTEPS = 1000
"""Timesteps of Stable Diffusion's noise schedule."""


def stage_of(timestep: int, stages: int = STAGES) -> int:
    """The stage of a timestep in ``[0, 1000)``: ``S - 1 - floor(t * S / 1000)``."""
    if not 0 <= timestep < TRAIN_TIMESTEPS:
        raise ValueError(f"timestep must lie in [0, {TRAIN_TIMESTEPS}), got {timestep}")
    return stages - 1 - timestep * stages // TRAIN_TIMESTEPS


def stage_timesteps(stage: int, stages: int = STAGES) -> range:
    """The timesteps of a stage, in rising order; the inverse of :func:`stage_of`."""
    if not 0 <= stage < stages:
        raise ValueError(f"stage must lie in [0, {stages}), got {stage}")
    rank = stages - 1 - stage
    first = -(-rank * TRAIN_TIMESTEPS // stages)
    last = -(-(rank + 1) * TRAIN_TIMESTEPS // stages)
    return range(first, last)
