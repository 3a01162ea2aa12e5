"""What a deadline is held against."""

import pytest

from sampler.pace import MEMORY_SECONDS, Pace

NOW = 1000.0


def test_a_step_in_which_a_graph_is_compiled_drops_no_request() -> None:
    pace = Pace()
    pace.stepped("square", 2, 1.0, NOW)
    assert pace.least("square", NOW) == 0
    pace.stepped("square", 2, 0.01, NOW)
    assert pace.least("square", NOW) == 0.01
    pace.stepped("square", 8, 1.0, NOW)
    assert pace.least("square", NOW) == 0.01


def test_a_slow_step_drops_no_request_that_could_be_in_time() -> None:
    """As after an engine was loaded anew, or while a graph that was let go is compiled again."""
    pace = Pace()
    for seconds in (*[0.01] * 20, 1.0, 0.01, 1.0):
        pace.stepped("square", 2, seconds, NOW)
        assert pace.least("square", NOW) in (0, 0.01)


def test_the_quickest_number_of_rows_counts_and_each_shape_by_itself() -> None:
    pace = Pace()
    for _ in range(2):
        pace.stepped("square", 2, 0.02, NOW)
        pace.stepped("square", 8, 0.05, NOW)
        pace.stepped("wide", 2, 0.01, NOW)
    assert (pace.least("square", NOW), pace.least("wide", NOW), pace.least("tall", NOW)) == (
        0.02,
        0.01,
        0,
    )


def test_the_pace_follows_the_machine() -> None:
    pace = Pace()
    for seconds in (1.0, 0.01, *[0.03] * 100):
        pace.stepped("square", 2, seconds, NOW)
    assert pace.least("square", NOW) == pytest.approx(0.03)


def test_a_pace_of_long_ago_drops_no_request() -> None:
    """It was measured on a busy machine, perhaps, and what is dropped measures nothing."""
    pace = Pace()
    for _ in range(2):
        pace.stepped("square", 2, 0.3, NOW)
    assert pace.least("square", NOW + MEMORY_SECONDS) == 0.3
    assert pace.least("square", NOW + MEMORY_SECONDS + 1) == 0
    pace.stepped("square", 2, 0.01, NOW + MEMORY_SECONDS + 1)
    assert pace.least("square", NOW + MEMORY_SECONDS + 1) == 0.01
