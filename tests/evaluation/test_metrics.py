"""The metrics on cases that can be told by hand, and what holds for any."""

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from evaluation.metrics import (
    FALSE_MATCH_RATE,
    face_threshold,
    false_matches,
    identity_score,
    identity_where_prompt_is_met,
    nearest_is_own,
    similarity,
)

SOURCES = np.eye(3, dtype=np.float32)
FACES = np.array([[0.8, 0.6, 0], [0.8, 0.6, 0], [0, 0, 1]], np.float32)
OWN = np.array([0, 1, 2])

Floats = npt.NDArray[np.float32]
cosines = arrays(np.float32, (6, 5), elements=st.floats(-1, 1, width=32))


def test_identity_is_the_cosine_with_the_own_source() -> None:
    np.testing.assert_allclose(identity_score(similarity(FACES, SOURCES), OWN), [0.8, 0.6, 1])


def test_nearest_tells_who_is_taken_for_another() -> None:
    assert nearest_is_own(similarity(FACES, SOURCES), OWN).tolist() == [True, False, True]


def test_no_face_is_nearest_to_nobody() -> None:
    assert nearest_is_own(np.zeros((3, 3), np.float32), OWN).tolist() == [False] * 3


def test_identity_counts_only_where_the_prompt_is_met() -> None:
    identity = np.array([0.8, 0.6, 1], np.float32)
    met = np.array([True, False, True])
    np.testing.assert_allclose(identity_where_prompt_is_met(identity, met), [0.8, 0, 1])


def test_false_matches_leave_the_own_source_out() -> None:
    shares = false_matches(similarity(FACES, SOURCES), OWN, 0.5)
    np.testing.assert_allclose(shares, [0.5, 0.5, 0])


@given(cosines, st.floats(-1, 1), st.integers(0, 4))
def test_a_lower_threshold_never_matches_fewer(found: Floats, threshold: float, own: int) -> None:
    owners = np.full(len(found), own)
    some = false_matches(found, owners, threshold)
    assert np.all(some <= false_matches(found, owners, threshold - 0.1))
    assert np.all((some >= 0) & (some <= 1))


@given(cosines, st.permutations(range(5)), st.integers(0, 4))
def test_the_order_of_people_has_no_effect(found: Floats, order: list[int], own: int) -> None:
    owners, moved = np.full(len(found), own), np.full(len(found), order.index(own))
    shuffled = found[:, order]
    np.testing.assert_array_equal(identity_score(shuffled, moved), identity_score(found, owners))
    np.testing.assert_array_equal(
        false_matches(shuffled, moved, 0.3), false_matches(found, owners, 0.3)
    )


@given(cosines, arrays(np.bool_, 6))
def test_identity_under_prompts_lies_between_nothing_and_identity(
    found: Floats, met: npt.NDArray[np.bool_]
) -> None:
    identity = np.abs(found[:, 0])
    under = identity_where_prompt_is_met(identity, met)
    assert np.all(under <= identity)
    assert np.all((under == identity) | (under == 0))


def test_few_strangers_reach_the_face_threshold() -> None:
    rng = np.random.default_rng(0)
    faces = rng.normal(size=(200, 16)).astype(np.float32)
    faces /= np.linalg.norm(faces, axis=1, keepdims=True)
    strangers = (faces @ faces.T)[np.triu_indices(200, 1)]
    assert (strangers >= face_threshold(faces)).mean() == pytest.approx(FALSE_MATCH_RATE, rel=0.1)
