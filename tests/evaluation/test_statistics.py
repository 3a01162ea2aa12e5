"""Intervals over people."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evaluation.statistics import Estimate, differences, estimates

values = st.lists(st.floats(-1, 1), min_size=2, max_size=8)


@given(values)
@settings(max_examples=15, deadline=None)
def test_an_interval_holds_its_mean_and_stays_within_the_people(numbers: list[float]) -> None:
    found = estimates(pd.DataFrame({"ID": numbers}))["ID"]
    assert found.mean == pytest.approx(np.mean(numbers))
    assert found.low is not None
    assert found.high is not None
    assert min(numbers) - 1e-9 <= found.low <= found.high <= max(numbers) + 1e-9


def test_the_interval_is_about_two_standard_errors_wide() -> None:
    numbers = np.random.default_rng(0).normal(size=400)
    found = estimates(pd.DataFrame({"ID": numbers}))["ID"]
    assert found.low == pytest.approx(numbers.mean() - 1.96 * numbers.std() / 20, abs=0.01)
    assert found.high == pytest.approx(numbers.mean() + 1.96 * numbers.std() / 20, abs=0.01)


def test_of_few_people_too_the_interval_holds_the_mean_in_95_percent() -> None:
    numbers = np.random.default_rng(0).normal(size=(8, 1000))
    found = estimates(pd.DataFrame(numbers)).values()
    held = sum(each.low is not None and each.low <= 0 <= (each.high or 0) for each in found)
    assert 930 <= held <= 970


def test_one_person_has_no_interval() -> None:
    assert estimates(pd.DataFrame({"ID": [0.5]})) == {"ID": Estimate(0.5, None, None)}
    assert not Estimate(0.5, None, None).differs_from_zero


def test_differences_are_paired_by_person() -> None:
    people = np.random.default_rng(0).normal(size=32)
    one = pd.DataFrame({"ID": people + 0.01}, index=range(32))
    other = pd.DataFrame({"ID": people}, index=range(32)).iloc[::-1]
    found = differences(one, other)["ID"]
    assert found.mean == pytest.approx(0.01)
    assert found.differs_from_zero
    assert differences(one.iloc[:4], other.loc[[20, 21]]) == {}
