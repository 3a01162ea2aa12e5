"""The world is deterministic, and who somebody is has no bearing on what happens to them."""

import itertools
import pickle
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from faceworld import (
    EVALUATION_PROMPTS,
    HELD_OUT_PROMPTS,
    PAIR_PROMPTS,
    held_out_identity,
    plain_pictures,
    source_image,
)
from faceworld.captions import caption, concepts_of
from faceworld.dataset import view_factors
from faceworld.factors import (
    ACCESSORIES,
    COLOURS,
    HELD_OUT_COMBINATIONS,
    OBJECTS,
    RELATIONS,
    SCENES,
    Factors,
    factor_vector,
    sample_factors,
)
from faceworld.identity import FEATURES, HELD_OUT_SEED, PARAMETERS, sample_identity
from faceworld.judges import face_crops
from faceworld.renderer import SIZE, is_plain, render
from faceworld.settings import DataSettings
from faceworld.staging import stage
from faceworld.vocabulary import CATEGORIES, WORDS

SEEDS = st.integers(0, 2 * HELD_OUT_SEED)
KINDS = st.sampled_from(CATEGORIES)


@settings(deadline=None, max_examples=30)
@given(seed=SEEDS, kind=KINDS, view=st.integers(0, 50))
def test_same_seed_same_picture(seed: int, kind: str, view: int) -> None:
    subject = sample_identity(seed, kind)
    picture = render(subject, view_factors(subject, view))
    assert picture.shape == (SIZE, SIZE, 3)
    assert picture.dtype == np.uint8
    again = sample_identity(seed, kind)
    assert (picture == render(again, view_factors(again, view))).all()


@settings(deadline=None, max_examples=20)
@given(seed=SEEDS, kind=KINDS)
def test_parameters_are_in_range_and_named(seed: int, kind: str) -> None:
    subject = sample_identity(seed, kind)
    assert ((subject.values >= 0) & (subject.values <= 1)).all()
    assert getattr(subject, PARAMETERS[kind][-1]) == subject.values[-1]
    with pytest.raises(AttributeError):
        _ = subject.shoe_size


def test_identities_travel_between_processes() -> None:
    subject = pickle.loads(pickle.dumps(sample_identity(3, "dog")))
    assert subject.ear_length == sample_identity(3, "dog").ear_length


@pytest.mark.parametrize("kind", CATEGORIES)
def test_features_of_a_category_are_zero_for_the_others(kind: str) -> None:
    features = {name: sample_identity(1, name).features() for name in CATEGORIES}
    assert features[kind].shape == (FEATURES,)
    own = features[kind] != 0
    assert own.sum() >= len(PARAMETERS[kind])
    assert not any(own[features[other] != 0].any() for other in CATEGORIES if other != kind)


@pytest.mark.parametrize("kind", CATEGORIES)
def test_identity_and_factors_are_independent(kind: str) -> None:
    subjects = [sample_identity(seed, kind) for seed in range(2000)]
    looks = [view_factors(subject, 0) for subject in subjects]
    shown = np.stack([factor_vector(factors) for factors in looks])
    pose = np.array([[f.yaw, f.pitch, f.roll, f.dx, f.dy, f.zoom, f.close_up] for f in looks])
    colours = np.array([[f.light, *f.backdrop] for f in looks])
    clothes = np.array([[f.shirt, f.hat_colour] for f in looks])
    worn = np.concatenate([clothes == colour for colour in COLOURS], axis=1)
    everything = np.concatenate([shown, pose, colours, worn], axis=1)
    everything = everything[:, everything.std(axis=0) > 0]  # cars have no expression to vary
    values = np.stack([subject.values for subject in subjects])
    count = values.shape[1]
    correlation = np.corrcoef(values.T, everything.T)[:count, count:]
    assert np.abs(correlation).max() < 0.1  # four standard errors are .09


@pytest.mark.parametrize("kind", CATEGORIES)
def test_parameters_are_independent_of_each_other(kind: str) -> None:
    values = np.stack([sample_identity(seed, kind).values for seed in range(2000)])
    correlation = np.corrcoef(values.T) - np.eye(values.shape[1])
    assert np.abs(correlation).max() < 0.1
    features = np.stack([sample_identity(seed).features()[:24] for seed in range(2000)])
    assert features.mean() == pytest.approx(0, abs=0.02)
    assert features.std() == pytest.approx(1, abs=0.02)


def plain(kind: str) -> Factors:
    rng = np.random.default_rng(0)
    while True:
        factors = sample_factors(rng, kind)
        if is_plain(factors):
            return factors


@pytest.mark.parametrize(
    ("kind", "parameter"), [(kind, name) for kind in CATEGORIES for name in PARAMETERS[kind]]
)
def test_every_parameter_can_be_seen(kind: str, parameter: str) -> None:
    subject, factors = sample_identity(5, kind), plain(kind)
    index, pictures = PARAMETERS[kind].index(parameter), []
    for value in (0.05, 0.95):
        values = subject.values.copy()
        values[index] = value
        pictures.append(render(replace(subject, values=values), factors).astype(int))
    assert np.abs(pictures[0] - pictures[1]).sum() > 500


@pytest.mark.parametrize(
    "change",
    [{"scene": scene} for scene in SCENES]
    + [{"item": item} for item in OBJECTS]
    + [{name: True} for name in ACCESSORIES]
    + [{"old": True}]
    + [{"companion": 7, "relation": relation} for relation in RELATIONS],
    ids=lambda change: "-".join(map(str, change.values())),
)
def test_every_factor_can_be_seen(change: dict) -> None:
    person, before = sample_identity(5), replace(plain("person"), close_up=False)
    pictures = [render(person, looks).astype(int) for looks in (before, replace(before, **change))]
    assert np.abs(pictures[0] - pictures[1]).sum() > 5000


@settings(deadline=None, max_examples=20)
@given(seed=SEEDS, other=SEEDS)
def test_two_people_are_each_seen_on_their_side(seed: int, other: int) -> None:
    """Exchanging one of two people changes the picture of the other's face but little."""
    looks = replace(plain("person"), close_up=False, companion=7)
    first, second, both = (sample_identity(number) for number in (seed, other, 9))
    pictures = np.stack([render(person, looks) for person in (first, second, both)])
    crops = face_crops(pictures).astype(int)
    assert crops.shape == (3, 2, SIZE, SIZE, 3)
    apart = np.abs(crops[0] - crops[1]).mean(axis=(1, 2, 3))
    assert seed == other or apart[0] > 2 * apart[1]


def test_held_out_subjects_are_no_training_subjects() -> None:
    data = DataSettings()
    most = max(data.people, data.dogs, data.cars)
    assert held_out_identity(0).seed >= HELD_OUT_SEED > most


@pytest.mark.parametrize("kind", CATEGORIES)
def test_source_image_is_a_plain_picture(kind: str) -> None:
    assert (source_image(3, kind) == source_image(3, kind)).all()
    assert (source_image(3, kind) != source_image(4, kind)).any()
    several = plain_pictures(held_out_identity(3, kind), 3)
    assert (several[0] == source_image(3, kind)).all()
    assert (several[0] != several[1]).any()


@settings(deadline=None, max_examples=200)
@given(seed=SEEDS, kind=KINDS, view=st.integers(0, 50))
def test_captions_say_what_is_seen(seed: int, kind: str, view: int) -> None:
    subject = sample_identity(seed, kind)
    factors = view_factors(subject, view)
    text = caption(subject, factors, np.random.default_rng(seed))
    words = text.replace("<first>", kind).replace("<second>", "person").split()
    assert set(words) <= set(WORDS)
    assert kind in words
    assert ("old" in words) == factors.old
    seen = [name for name in (*ACCESSORIES, *OBJECTS, *SCENES) if name in words]
    assert set(seen) == factors.named()
    assert (words.count("person") + words.count("<second>") == 2) == (factors.companion is not None)


@settings(deadline=None, max_examples=200)
@given(seed=SEEDS, kind=KINDS, view=st.integers(0, 50))
def test_no_training_picture_shows_a_held_out_combination(seed: int, kind: str, view: int) -> None:
    named = view_factors(sample_identity(seed, kind), view).named()
    assert not any(combination <= named for combination in HELD_OUT_COMBINATIONS)


def test_held_out_prompts_ask_for_held_out_combinations() -> None:
    for prompt in EVALUATION_PROMPTS["person"]:
        asked = {c for c in HELD_OUT_COMBINATIONS if c <= set(prompt.split())}
        assert bool(asked) == (prompt in HELD_OUT_PROMPTS)


def test_prompts_cover_all_concepts_in_known_words() -> None:
    of_people = EVALUATION_PROMPTS["person"]
    assert len(set(of_people)) == len(of_people) >= 30
    asked = {concept for prompt in of_people for concept in concepts_of(prompt)}
    assert asked == {"scene", "object", "accessory", "expression", "old", "plain"}
    for prompt in PAIR_PROMPTS:
        assert "pair" in concepts_of(prompt.format("person", "person"))
    for prompt in (*itertools.chain(*EVALUATION_PROMPTS.values()), *PAIR_PROMPTS):
        assert set(prompt.replace("{}", "person").split()) <= set(WORDS)


@pytest.mark.parametrize("kind", CATEGORIES)
def test_staged_pictures_show_what_is_asked(kind: str) -> None:
    rng = np.random.default_rng(0)
    for prompt in EVALUATION_PROMPTS[kind]:
        factors = stage(prompt.format(kind), rng, kind)
        asked = [name for name in (*ACCESSORIES, *OBJECTS, *SCENES) if name in prompt.split()]
        assert factors.named() == set(asked)
        assert factors.companion is None
        assert factors.close_up == ("face" in prompt)
        assert factors.old == ("old" in prompt.split())
        assert (factors.expression != "neutral") == ("expression" in concepts_of(prompt))


def test_staged_pairs_are_together_as_asked() -> None:
    rng = np.random.default_rng(0)
    staged = [stage(prompt.format("person", "a person"), rng) for prompt in PAIR_PROMPTS]
    assert all(factors.companion is not None for factors in staged)
    assert [factors.relation for factors in staged] == [
        "beside", "beside", "hugging", "shaking hands", "beside", "hugging"
    ]  # fmt: skip
