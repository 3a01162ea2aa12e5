"""Timesteps: uniform over all, and as even as each way of drawing them promises."""

from collections import Counter

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from basemodel import stage_index
from trainer.config import TrainingConfig
from trainer.timesteps import draw_timesteps, staged_timesteps, stratified_timesteps


def seeded(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@given(st.integers(1, 10), st.integers(1, 8), st.integers(0, 99), st.integers(0, 2**31))
def test_stages_take_equal_turns_whatever_the_batch(
    stages: int, batch: int, step: int, seed: int
) -> None:
    generator = seeded(seed)
    drawn = torch.cat(
        [
            staged_timesteps(batch, (step + turn) * batch, stages, generator)
            for turn in range(stages)
        ]
    )
    assert set(Counter(stage_index(drawn, stages).tolist()).values()) == {batch}
    assert drawn.min() >= 0
    assert drawn.max() < 1000


def test_a_stage_is_covered_from_end_to_end() -> None:
    generator = seeded(0)
    drawn = torch.cat([staged_timesteps(5, 0, 5, generator) for _ in range(4000)])
    for first in range(0, 1000, 200):
        inside = drawn[(drawn >= first) & (drawn < first + 200)]
        assert len(inside.unique()) == 200


@given(st.integers(1, 12), st.integers(0, 2**31))
def test_strata_each_hold_one(rows: int, seed: int) -> None:
    drawn = stratified_timesteps(rows, seeded(seed))
    edges = torch.arange(rows + 1) * 1000 / rows
    assert (drawn >= edges[:-1].floor()).all()
    assert (drawn <= edges[1:]).all()
    assert drawn.max() < 1000


@pytest.mark.parametrize("sampling", ["uniform", "stratified", "stages"])
def test_all_timesteps_are_equally_likely(sampling: str) -> None:
    config = TrainingConfig(timestep_sampling=sampling, batch=3)
    generator = seeded(0)
    drawn = torch.cat([draw_timesteps(config, step, generator) for step in range(5000)])
    tenths = torch.bincount(drawn // 100, minlength=10) / len(drawn)
    assert drawn.dtype == torch.int64
    assert (tenths - 0.1).abs().max() < 0.01
