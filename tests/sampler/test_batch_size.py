"""How many rows a step has: as few as cost no more than many."""

import random
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sampler.batch_size import MEMORY, RECENT, TOLERANCE, TRIALS, BatchSize

Cost = Callable[[int], float]
"""Seconds of a step by its rows."""


def settled(cost: Cost, most: int = 16, wanted: int = 16) -> tuple[BatchSize, int]:
    """What is learned from a loop that always has work for ``wanted`` rows."""
    sizes = BatchSize(most)
    for _ in range(6 * TRIALS):
        rows = min(wanted, sizes.limit("square", wanted))
        sizes.stepped("square", rows, cost(rows))
    return sizes, sizes.limit("square", wanted)


@pytest.mark.parametrize(
    ("cost", "enough"),
    [
        pytest.param(lambda rows: 0.01 + 0.0005 * rows, 16, id="a launch costs more than its rows"),
        pytest.param(lambda rows: 0.005 * rows, 2, id="a row costs the same in any company"),
        pytest.param(lambda rows: max(0.02, 0.005 * rows), 4, id="up to four rows cost the same"),
    ],
)
def test_a_batch_is_as_large_as_makes_rows_cheaper(cost: Cost, enough: int) -> None:
    assert settled(cost)[1] == enough


@given(
    st.lists(st.floats(1e-4, 10), min_size=16, max_size=16), st.integers(2, 16), st.integers(2, 16)
)
def test_no_row_is_much_dearer_than_in_the_cheapest_batch(
    costs: list[float], most: int, wanted: int
) -> None:
    tried = []

    def cost(rows: int) -> float:
        tried.append(rows)
        return costs[rows - 1]

    _, limit = settled(cost, most, wanted)
    assert limit <= most
    chosen = min(limit, wanted)
    cheapest = min(costs[rows - 1] / rows for rows in tried)
    assert costs[chosen - 1] / chosen <= (1 + TOLERANCE) * cheapest * (1 + 1e-9)


def test_the_slow_first_call_of_a_size_does_not_count() -> None:
    seen = set()

    def cost(rows: int) -> float:
        first = rows not in seen
        seen.add(rows)
        return 3.0 if first else 0.005 * rows

    assert settled(cost)[1] == 2


@pytest.mark.parametrize("enough", [2, 16])
def test_a_slow_step_does_not_change_a_size_that_is_known(enough: int) -> None:
    def cost(rows: int) -> float:
        return 0.005 * rows if enough == 2 else 0.01 + 0.0005 * rows

    sizes, limit = settled(cost)
    assert limit == enough
    for seconds in (1.0, *[cost(enough)] * RECENT, 1.0, 1.0):
        sizes.stepped("square", enough, seconds)
        assert sizes.limit("square", 16) == enough


def test_batches_that_were_not_full_do_not_speak_for_full_ones() -> None:
    def cost(rows: int) -> float:
        return 0.01 + 0.0005 * rows

    sizes, limit = settled(cost, most=32, wanted=32)
    assert limit == 32
    for wanted in range(30, 16, -2):  # a crowd on its way out
        for _ in range(RECENT):
            rows = min(wanted, sizes.limit("square", wanted))
            sizes.stepped("square", rows, cost(rows))
    assert sizes.limit("square", 32) == 32


@pytest.mark.parametrize("joins_after", [0, 3, 6, 30])
def test_a_row_that_no_pair_fits_in_is_no_reason_to_stay_small(joins_after: int) -> None:
    """From some step on one picture without guidance is among pairs: steps of even size lack a row.

    A size that can't be filled was never known, and nothing larger was tried while it was not.
    """
    sizes, rows = BatchSize(16), 0
    for step in range(100):
        limit = sizes.limit("square", 40)
        rows = limit - 1 if step >= joins_after else limit
        sizes.stepped("square", rows, 0.01 + 0.0005 * rows)
    assert rows == 15


def test_a_size_that_has_become_dear_is_left() -> None:
    sizes, limit = settled(lambda rows: 0.005 * rows)
    for _ in range(RECENT):
        sizes.stepped("square", limit, 0.02)
    assert sizes.limit("square", 16) > limit


def test_noise_does_not_make_it_waver() -> None:
    noise, steps = random.Random(0), 1000
    sizes, _ = settled(lambda rows: 0.01 + 0.0005 * rows)
    limits = []
    for _ in range(steps):
        limits.append(sizes.limit("square", 16))
        seconds = (0.01 + 0.0005 * limits[-1]) * noise.lognormvariate(0, 0.2)
        sizes.stepped("square", limits[-1], seconds)
    assert limits.count(16) > 0.95 * steps


def test_what_was_not_run_for_long_is_tried_again() -> None:
    sizes, limit = settled(lambda rows: 0.005 * rows)
    for _ in range(MEMORY):
        sizes.stepped("square", limit, 0.01)
    assert sizes.limit("square", 16) == 16


def test_shapes_are_learned_apart() -> None:
    sizes, _ = settled(lambda rows: 0.005 * rows)
    assert sizes.limit("wide", 16) == 16
