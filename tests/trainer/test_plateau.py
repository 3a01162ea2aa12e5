"""Early stop: the best window's vectors stay."""

import torch
from hypothesis import given
from hypothesis import strategies as st

from trainer.plateau import Plateau


@given(st.lists(st.floats(-100, 100), max_size=40), st.integers(1, 4))
def test_it_ends_at_the_first_window_that_is_not_lower(losses: list[float], window: int) -> None:
    plateau = Plateau(window)
    for step, loss in enumerate(losses):
        if plateau.reached:
            break
        plateau.look(loss, lambda step=step: torch.tensor(step))
    means = [
        sum(losses[first : first + window]) / window
        for first in range(0, len(losses) - window + 1, window)
    ]
    lower = 0
    while lower < len(means) and all(means[lower] < mean for mean in means[:lower]):
        lower += 1
    assert plateau.reached is (lower < len(means))
    assert (plateau.best is None) is (lower == 0)
    if plateau.best is not None:
        assert int(plateau.best) == lower * window - 1


def test_without_a_window_nothing_is_looked_at() -> None:
    plateau = Plateau(None)
    for _ in range(100):
        plateau.look(1.0, lambda: torch.zeros(1))
    assert not plateau.reached
    assert plateau.best is None
