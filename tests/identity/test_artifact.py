"""The artifact is read back as it was written, and anything else is refused."""

import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from safetensors.numpy import save

from identity import ArtifactError, Identity
from identity.artifact import FORMAT, METADATA, TENSOR

tokens = hnp.arrays(
    np.float32,
    st.tuples(st.integers(1, 10), st.just(2), st.integers(1, 16)),
    elements=st.floats(-1e3, 1e3, width=32),
)


@given(tokens, st.text(max_size=20), st.integers())
def test_round_trip(values: np.ndarray, class_noun: str, seed: int) -> None:
    identity = Identity(values, "sha256:00", class_noun, {"seed": seed})
    read = Identity.from_bytes(identity.to_bytes())
    np.testing.assert_array_equal(read.tokens, values)
    assert (read.base_model_digest, read.class_noun) == ("sha256:00", class_noun)
    assert read.training == {"seed": seed}


@given(tokens)
def test_the_same_identity_gives_the_same_bytes(values: np.ndarray) -> None:
    first, second = (Identity(values, "sha256:00", "person", {"b": 1, "a": 2}) for _ in range(2))
    assert first.to_bytes() == second.to_bytes()


@given(st.binary(max_size=200))
def test_other_bytes_are_refused(data: bytes) -> None:
    with pytest.raises(ArtifactError):
        Identity.from_bytes(data)


@given(st.data())
def test_damage_never_passes_as_something_else_than_an_artifact_error(data: st.DataObject) -> None:
    whole = Identity(np.ones((5, 2, 4), np.float32), "sha256:00", "person").to_bytes()
    position = data.draw(st.integers(0, len(whole) - 1))
    damaged = bytearray(whole)
    damaged[position] ^= data.draw(st.integers(1, 255))
    try:
        Identity.from_bytes(bytes(damaged))
    except ArtifactError:
        return


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"class_noun": 5}, "class_noun must be str, got int"),
        ({"base_model_digest": None}, "base_model_digest must be str, got NoneType"),
        ({"training": []}, "training must be dict, got list"),
    ],
)
def test_metadata_of_another_type_is_refused(change: dict[str, Any], message: str) -> None:
    plain = {"format": FORMAT, "base_model_digest": "", "class_noun": "dog", "training": {}}
    with pytest.raises(ArtifactError, match=message):
        Identity.from_bytes(with_metadata(json.dumps({**plain, **change})))


def test_deeply_nested_metadata_is_refused() -> None:
    with pytest.raises(ArtifactError, match="not an identity artifact"):
        Identity.from_bytes(with_metadata("[" * 100_000))


def with_metadata(text: str) -> bytes:
    return save({TENSOR: np.ones((5, 2, 4), np.float32)}, {METADATA: text})


@pytest.mark.parametrize("shape", [(5, 2), (5, 3, 4), (11, 2, 4), (0, 2, 4)])
def test_wrong_shapes_are_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(ArtifactError):
        Identity(np.zeros(shape, np.float32), "sha256:00", "person")


def test_values_that_are_not_finite_are_refused() -> None:
    with pytest.raises(ArtifactError, match="finite"):
        Identity(np.full((5, 2, 4), np.nan, np.float32), "sha256:00", "person")
