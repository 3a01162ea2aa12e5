"""The capacity model: what must hold of any engine, and where the answer is known."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.fleet import Engine, poisson, serve, sustained, trainings_per_hour

ACCELERATOR = Engine(launch=0.010, row=0.0005, max_rows=32)


def test_two_sizes_make_an_engine_and_one_a_cautious_guess() -> None:
    engine = Engine.fitted([(2, 0.011), (32, 0.026)], max_rows=32)
    assert (engine.launch, engine.row) == (pytest.approx(0.010), pytest.approx(0.0005))
    guess = Engine.fitted([(2, 0.012)], max_rows=32)
    assert guess.step(2) == pytest.approx(0.012)
    assert guess.pictures_per_second(10, 2) == pytest.approx(1 / 0.12)


def test_one_request_takes_its_steps_and_its_decoding() -> None:
    engine = Engine(0.010, 0.0005, 32, beside=0.004, decode_launch=0.010, decode_row=0.0005)
    served = serve(engine, [1.0], steps=20, rows=2)
    assert served.latencies == (pytest.approx(20 * 0.011 + 0.0105 + 0.004),)


def test_a_crowd_fills_the_batches() -> None:
    served = serve(ACCELERATOR, [0.0] * 16, steps=20, rows=2, again=160)
    full = ACCELERATOR.pictures_per_second(20, 2)
    assert full == pytest.approx(16 / (20 * 0.026))
    assert served.throughput == pytest.approx(full, rel=0.02)
    assert len(served.latencies) == 176


@settings(deadline=None, max_examples=20)
@given(st.floats(0.1, 0.8), st.floats(1.1, 3.0), st.integers(0, 3))
def test_more_load_never_means_less_waiting(share: float, more: float, seed: int) -> None:
    rate = share * ACCELERATOR.pictures_per_second(8, 2)
    calm, busy = (
        serve(ACCELERATOR, poisson(each, 80, seed), steps=8, rows=2) for each in (rate, more * rate)
    )
    assert busy.mean >= calm.mean * 0.98  # requests that come together may share a step


def test_a_tighter_bound_costs_throughput_and_one_below_a_request_alone_is_out_of_reach() -> None:
    alone = 20 * ACCELERATOR.step(2)
    tight, loose = (sustained(ACCELERATOR, 20, 2, factor * alone) for factor in (1.5, 3))
    assert 0 < tight < loose <= ACCELERATOR.pictures_per_second(20, 2)
    assert sustained(ACCELERATOR, 20, 2, 0.9 * alone) == 0


def test_trainings_together_share_the_steps_and_not_the_set_up() -> None:
    assert trainings_per_hour(step_seconds=0.5, steps=200, together=8, set_up=2.5) == 240
