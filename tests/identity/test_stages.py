"""Stages divide the timesteps evenly, the noisiest first (paper III-C)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from identity import TRAIN_TIMESTEPS, stage_of, stage_timesteps

stages = st.integers(1, 10)


@given(st.integers(0, TRAIN_TIMESTEPS - 1), stages)
def test_every_timestep_belongs_to_exactly_its_stage(timestep: int, count: int) -> None:
    owners = [stage for stage in range(count) if timestep in stage_timesteps(stage, count)]
    assert owners == [stage_of(timestep, count)]


@given(stages)
def test_stages_are_even(count: int) -> None:
    sizes = [len(stage_timesteps(stage, count)) for stage in range(count)]
    assert max(sizes) - min(sizes) <= 1


@pytest.mark.parametrize(
    ("timestep", "stage"),
    [(999, 0), (800, 0), (799, 1), (400, 2), (399, 3), (200, 3), (199, 4), (0, 4)],
)
def test_boundaries_of_five_stages(timestep: int, stage: int) -> None:
    assert stage_of(timestep) == stage


@pytest.mark.parametrize("timestep", [-1, 1000])
def test_timesteps_outside_the_schedule_are_refused(timestep: int) -> None:
    with pytest.raises(ValueError, match=r"\[0, 1000\)"):
        stage_of(timestep)
