"""Strength goes from the class noun to the identity, per stage and for keys and values apart."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from identity import blend

finite = st.floats(-1e3, 1e3, width=32)
shares = st.floats(0, 1, width=32)


@st.composite
def identities(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    stages, width = draw(st.integers(1, 10)), draw(st.integers(1, 8))
    return (
        draw(hnp.arrays(np.float32, (stages, 2, width), elements=finite)),
        draw(hnp.arrays(np.float32, (width,), elements=finite)),
        draw(hnp.arrays(np.float32, (stages, 2), elements=shares | st.sampled_from([0, 1]))),
    )


@given(identities())
def test_zero_is_the_noun_and_one_the_identity(
    drawn: tuple[np.ndarray, np.ndarray, np.ndarray],
) -> None:
    tokens, noun, strength = drawn
    blended = blend(tokens, noun, strength)
    assert (blended.shape, blended.dtype) == (tokens.shape, np.float32)
    np.testing.assert_array_equal(blended[strength == 1], tokens[strength == 1])
    none = blended[strength == 0]
    np.testing.assert_array_equal(none, np.broadcast_to(noun, none.shape))


@given(identities())
def test_every_vector_lies_between_noun_and_identity(
    drawn: tuple[np.ndarray, np.ndarray, np.ndarray],
) -> None:
    tokens, noun, strength = drawn
    blended = blend(tokens, noun, strength)
    slack = 1e-6 * (np.abs(tokens) + np.abs(noun))
    assert (blended >= np.minimum(tokens, noun) - slack).all()
    assert (blended <= np.maximum(tokens, noun) + slack).all()


TOKENS, NOUN, FULL = (np.ones(shape, np.float32) for shape in ((5, 2, 4), (4,), (5, 2)))


@pytest.mark.parametrize(
    ("tokens", "noun", "strength", "message"),
    [
        (TOKENS[:, 0], NOUN, FULL, r"tokens must be \[stages, 2, D\], got \[5, 4\]"),
        (TOKENS, NOUN[:3], FULL, r"noun must be \[4\], got \[3\]"),
        (TOKENS, NOUN, FULL[0], r"strength must be \[5, 2\], got \[2\]"),
        (TOKENS, NOUN, FULL[:4], r"strength must be \[5, 2\], got \[4, 2\]"),
        (TOKENS, NOUN, FULL * 1.5, r"strength must lie in \[0, 1\], got 1.5 to 1.5"),
        (TOKENS, NOUN, -FULL, r"strength must lie in \[0, 1\], got -1.0 to -1.0"),
        (TOKENS, NOUN, FULL * np.nan, r"strength must lie in \[0, 1\], got nan to nan"),
    ],
)
def test_what_is_refused(
    tokens: np.ndarray, noun: np.ndarray, strength: np.ndarray, message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        blend(tokens, noun, strength)
