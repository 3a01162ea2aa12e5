"""The metrics on cases that can be told by hand."""

import numpy as np

from evaluation.metrics import (
    identity_score,
    identity_where_prompt_is_met,
    nearest_is_own,
    similarity,
)

SOURCES = np.eye(3, dtype=np.float32)
FACES = np.array([[0.8, 0.6, 0], [0.8, 0.6, 0], [0, 0, 1]], np.float32)
OWN = np.array([0, 1, 2])


def test_identity_is_the_cosine_with_the_own_source() -> None:
    np.testing.assert_allclose(identity_score(similarity(FACES, SOURCES), OWN), [0.8, 0.6, 1])


def test_nearest_tells_who_is_taken_for_another() -> None:
    assert nearest_is_own(similarity(FACES, SOURCES), OWN).tolist() == [True, False, True]


def test_identity_counts_only_where_the_prompt_is_met() -> None:
    identity = np.array([0.8, 0.6, 1], np.float32)
    met = np.array([True, False, True])
    np.testing.assert_allclose(identity_where_prompt_is_met(identity, met), [0.8, 0, 1])
