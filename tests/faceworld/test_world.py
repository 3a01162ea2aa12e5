"""The world is deterministic, and who somebody is has no bearing on what happens to them."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from faceworld import EVALUATION_PROMPTS, held_out_identity, source_image
from faceworld.captions import caption, concepts_of
from faceworld.dataset import view_factors
from faceworld.factors import OBJECTS, SCENES, Factors, factor_vector, sample_factors
from faceworld.identity import HELD_OUT_SEED, PARAMETERS, sample_identity
from faceworld.renderer import SIZE, is_plain_close_up, render
from faceworld.settings import DataSettings

SEEDS = st.integers(0, 2 * HELD_OUT_SEED)


@settings(deadline=None, max_examples=20)
@given(seed=SEEDS, view=st.integers(0, 50))
def test_same_seed_same_picture(seed: int, view: int) -> None:
    person, factors = sample_identity(seed), view_factors(seed, view)
    picture = render(person, factors)
    assert picture.shape == (SIZE, SIZE, 3)
    assert picture.dtype == np.uint8
    assert (picture == render(sample_identity(seed), view_factors(seed, view))).all()


@settings(deadline=None, max_examples=20)
@given(seed=SEEDS)
def test_parameters_are_in_range_and_named(seed: int) -> None:
    person = sample_identity(seed)
    assert ((person.values >= 0) & (person.values <= 1)).all()
    assert person.hair_length == person.values[PARAMETERS.index("hair_length")]
    with pytest.raises(AttributeError):
        _ = person.shoe_size


def test_identity_and_factors_are_independent() -> None:
    people = np.stack([sample_identity(seed).features() for seed in range(2000)])
    shown = np.stack([factor_vector(view_factors(seed, 0)) for seed in range(2000)])
    poses = [view_factors(seed, 0) for seed in range(2000)]
    pose = np.array([[f.yaw, f.pitch, f.roll, f.dx, f.dy, f.zoom, f.close_up] for f in poses])
    everything = np.concatenate([shown, pose], axis=1)
    correlation = np.corrcoef(people.T, everything.T)[: len(PARAMETERS), len(PARAMETERS) :]
    assert np.abs(correlation).max() < 0.1  # four standard errors are .09


def test_parameters_are_independent_of_each_other() -> None:
    people = np.stack([sample_identity(seed).features() for seed in range(2000)])
    correlation = np.corrcoef(people.T) - np.eye(len(PARAMETERS))
    assert np.abs(correlation).max() < 0.1
    assert people.mean() == pytest.approx(0, abs=0.02)
    assert people.std() == pytest.approx(1, abs=0.02)


def plain_close_up() -> Factors:
    rng = np.random.default_rng(0)
    while True:
        factors = sample_factors(rng)
        if is_plain_close_up(factors):
            return factors


@pytest.mark.parametrize("parameter", PARAMETERS)
def test_every_parameter_can_be_seen(parameter: str) -> None:
    person, factors = sample_identity(5), plain_close_up()
    index, pictures = PARAMETERS.index(parameter), []
    for value in (0.05, 0.95):
        values = person.values.copy()
        values[index] = value
        pictures.append(render(replace(person, values=values), factors).astype(int))
    assert np.abs(pictures[0] - pictures[1]).sum() > 500


def test_held_out_people_are_no_training_people() -> None:
    assert held_out_identity(0).seed >= HELD_OUT_SEED > DataSettings().identities


def test_source_image_is_a_plain_close_up() -> None:
    assert (source_image(3) == source_image(3)).all()
    assert (source_image(3) != source_image(4)).any()


@settings(deadline=None, max_examples=100)
@given(seed=SEEDS, view=st.integers(0, 50))
def test_captions_say_what_is_seen(seed: int, view: int) -> None:
    factors = view_factors(seed, view)
    words = caption(sample_identity(seed), factors, np.random.default_rng(seed)).split()
    assert ("old" in words) == factors.old
    assert ("hat" in words) == factors.hat
    assert ("sunglasses" in words) == factors.sunglasses
    assert [item for item in OBJECTS if item in words] == ([factors.item] if factors.item else [])
    assert [place for place in SCENES if place in words] == (
        [factors.scene] if factors.scene else []
    )


def test_evaluation_prompts_cover_all_concepts() -> None:
    assert len(EVALUATION_PROMPTS) == len(set(EVALUATION_PROMPTS)) == 18
    asked = {concept for prompt in EVALUATION_PROMPTS for concept in concepts_of(prompt)}
    assert asked == {"scene", "object", "accessory", "expression", "old", "plain"}
