"""Gradients reach the trained inputs only; averaging, resuming and neighbours do what is stated."""

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from basemodel import BaseModel
from trainer.config import PRESETS, TrainingConfig
from trainer.learner import Learner
from trainer.loop import Training
from trainer.tokens import initial_embedding
from trainer.views import Views, make_views

SHORT = TrainingConfig(generator=True, steps=4, batch=3, views=3)
TEMPLATES = ("a photo of the face of {}", "{} at the beach", "a photo of {}")


def picture(base: BaseModel, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (*base.image_size, 3), np.uint8)


def learn(base: BaseModel, config: TrainingConfig, seeds: list[int], steps: int = 4) -> Training:
    views = [make_views(base, [picture(base, seed)], config, seed) for seed in seeds]
    training = Training.of(base, config, "person", views, seeds)
    for _ in range(steps):
        training.take_step()
    return training


def method(stages: int, kinds: str, attention_loss: str, **others: Any) -> TrainingConfig:
    changes = {"stages": stages, "attention_loss": attention_loss, **others}
    return replace(SHORT, split_keys_values=kinds == "split", **changes)


METHODS = {  # METHOD.md's table, and settings that change what is learned or how
    "textual inversion": method(1, "tied", "none", generator=False, offset_learning_rate=0),
    "ProSpect": method(10, "tied", "none"),
    "1 K-V & #3": method(1, "split", "all"),
    "5 K-V": method(5, "split", "none"),
    "5 K-V & #1": method(5, "split", "identity"),
    "5 K-V & #2": method(5, "split", "prompt"),
    "5 K-V & #3": method(5, "split", "all"),
    "10 K-V & #3": method(10, "split", "all"),
    "paper": replace(PRESETS["paper"], steps=4, batch=3, views=3),
    "vectors trained directly": method(5, "split", "all", generator=False),
    "several prompts": method(5, "split", "prompt", prompts=TEMPLATES),
    "bounded": method(5, "split", "all", norm_bound=1.0, norm_weight=0.1, initialisation="noun"),
    "stages in turn": method(5, "split", "all", timestep_sampling="stages", generator=False),
}


@pytest.mark.parametrize("name", METHODS)
def test_every_method_learns_and_only_its_own_inputs(base: BaseModel, name: str) -> None:
    config = METHODS[name]
    frozen = {
        part: {key: value.clone() for key, value in part.state_dict().items()}
        for part in (base.text_encoder, base.unet)
    }
    training = learn(base, config, [0])
    tokens = training.result()
    assert tokens.shape == (1, config.stages, 2, base.token_width)
    assert tokens.isfinite().all()
    initial = initial_embedding(base, "person", config.initialisation)
    assert not torch.equal(tokens[0, 0, 0], initial)
    assert torch.equal(tokens[:, :, 0], tokens[:, :, 1]) is not config.split_keys_values
    word_moved = not torch.equal(training.learners[0].tokens.word, initial)
    assert word_moved is config.train_word
    for part, before in frozen.items():
        assert all(torch.equal(before[key], value) for key, value in part.state_dict().items())
        assert all(parameter.grad is None for parameter in part.parameters())


def test_textual_inversion_is_the_word_alone(base: BaseModel) -> None:
    training = learn(base, replace(METHODS["textual inversion"], average_from=1.0), [0])
    assert torch.equal(training.result()[0, 0, 0], training.learners[0].tokens.word.detach())


def test_taking_turns_trains_every_vector(base: BaseModel) -> None:
    config = replace(
        METHODS["stages in turn"], attention_loss="none", batch=1, steps=5, train_word=False
    )
    tokens = learn(base, config, [0], steps=4).result()[0]
    moved = (tokens != tokens[4, 0]).any(dim=-1)
    assert moved.tolist() == [[True, True]] * 4 + [[False, False]]


def test_norms_are_pulled_back(base: BaseModel) -> None:
    def norm(weight: float) -> float:
        config = replace(SHORT, generator=False, offset_learning_rate=0.05, norm_weight=weight)
        training = learn(base, replace(config, steps=8), [0], steps=8)
        initial = training.learners[0].tokens.initial_norm
        return float((training.result().norm(dim=-1) / initial).mean())

    assert abs(norm(100.0) - 1) < abs(norm(0.0) - 1) / 2


def test_losses_are_told_apart(base: BaseModel) -> None:
    for seed, loss in zip([5, 6], learn(base, SHORT, [5, 6], steps=0).take_step(), strict=True):
        parts = loss.denoising + SHORT.attention_weight * loss.attention
        assert math.isclose(loss.total, parts, rel_tol=1e-5)
        (alone,) = learn(base, SHORT, [seed], steps=0).take_step()
        assert math.isclose(alone.total, loss.total, rel_tol=1e-4)


@pytest.mark.parametrize("sampling", ["stratified", "stages"])
def test_resumed_training_is_the_same_bit_for_bit(base: BaseModel, sampling: str) -> None:
    config = replace(SHORT, timestep_sampling=sampling, batch=2)
    whole = learn(base, config, [0]).result()
    first = learn(base, config, [0], steps=3)
    second = learn(base, config, [0], steps=0)
    second.learners[0].restore(first.learners[0].state())
    second.take_step()
    assert torch.equal(second.result(), whole)


@pytest.mark.parametrize("name", ["5 K-V & #3", "several prompts", "bounded", "stages in turn"])
def test_an_identity_does_not_depend_on_its_neighbours(base: BaseModel, name: str) -> None:
    """Neighbours of other class nouns, which join and leave on the way."""
    config = replace(METHODS[name], steps=5)
    group = Training(base, config)
    for seed, noun in ((5, "person"), (6, "dog"), (7, "person")):
        views = make_views(base, [picture(base, seed)], config, seed)
        learner = Learner(base, config, noun, views, seed)
        group.join(learner)
        group.take_step()
        if seed == 5:
            first = learner
        if seed == 6:
            group.leave(learner)
    while not group.done:
        group.take_step()
    last = learner
    assert (first.step, last.step) == (5, 5)
    for learner, seed in ((first, 5), (last, 7)):
        alone = learn(base, config, [seed], steps=5).result()[0]
        # Steps go to .02; where a gradient is nearly zero, rounding decides on Adam's sign.
        assert (alone - learner.result()).abs().mean() < 1e-4


def test_each_stops_at_its_own_plateau_with_its_best(base: BaseModel) -> None:
    config = replace(SHORT, steps=12, plateau=2, average_from=1.0)
    training = learn(base, config, [0, 1], steps=0)
    stuck, other = training.learners
    stuck.plateau.lowest = -1.0
    stuck.plateau.best = torch.zeros(stuck.tokens.shape)
    training.take_step()
    training.take_step()
    assert stuck.done
    assert not other.done
    before = stuck.losses
    training.take_step()
    assert (stuck.step, stuck.losses) == (2, before)
    assert other.step == 3
    assert not stuck.result().any()


def test_without_a_plateau_no_step_is_lost(base: BaseModel) -> None:
    """Four steps are one window of three, and one more."""
    plain, watched = (
        learn(base, replace(SHORT, plateau=window), [0]).result() for window in (None, 3)
    )
    torch.testing.assert_close(watched, plain, rtol=0, atol=0)


def test_the_last_iterates_are_averaged(base: BaseModel) -> None:
    config = replace(SHORT, average_from=0.5)
    views = [make_views(base, [picture(base)], config, 0)]
    training = Training.of(base, config, "person", views, [0])
    iterates = []
    while not training.done:
        training.take_step()
        iterates.append(training.learners[0].tokens().detach())
    torch.testing.assert_close(training.result()[0], torch.stack(iterates[2:]).mean(dim=0))


def test_the_mask_has_no_effect_outside(base: BaseModel) -> None:
    config = replace(SHORT, attention_loss="none")
    views = make_views(base, [picture(base)], config, 0)
    masks = torch.zeros_like(views.masks)
    training = Training.of(base, config, "person", [Views(views.latents, masks)], [0])
    assert training.take_step()[0].total == 0
