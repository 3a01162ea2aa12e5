"""Gradients reach the trained inputs only; losses, averaging and resuming do what they state."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from basemodel import BaseModel, load, token_embeddings
from tests.support.random_checkpoint import write_random_checkpoint
from trainer.attention_loss import AttentionLoss
from trainer.config import PRESETS, TrainingConfig
from trainer.errors import InputError
from trainer.loop import Training
from trainer.losses import stratified_timesteps
from trainer.prompts import training_prompts
from trainer.tokens import IdentityTokens, initial_embedding
from trainer.views import Views, augment, jittered, make_views

SHORT = TrainingConfig(generator=True, steps=4, batch=3, views=3)


def picture(base: BaseModel, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (*base.image_size, 3), np.uint8)


def learn(base: BaseModel, config: TrainingConfig, seeds: list[int], steps: int = 4) -> Training:
    views = [make_views(base, picture(base, seed), config, seed) for seed in seeds]
    training = Training(base, config, "person", views, seeds)
    for _ in range(steps):
        training.take_step()
    return training


VARIANTS = {
    "textual inversion": replace(
        SHORT, stages=1, split_keys_values=False, generator=False, attention_loss="none"
    ),
    "per stage": replace(SHORT, stages=10, split_keys_values=False, attention_loss="none"),
    "1 K-V & #3": replace(SHORT, stages=1),
    "5 K-V & #1": replace(SHORT, attention_loss="identity"),
    "5 K-V & #2": replace(SHORT, attention_loss="prompt"),
    "5 K-V & #3": SHORT,
    "10 K-V & #3": replace(SHORT, stages=10),
    "paper": replace(PRESETS["paper"], steps=4, batch=3, views=3),
}


@pytest.mark.parametrize("name", VARIANTS)
def test_every_variant_learns_and_only_its_own_inputs(base: BaseModel, name: str) -> None:
    config = VARIANTS[name]
    frozen = {
        part: {key: value.clone() for key, value in part.state_dict().items()}
        for part in (base.text_encoder, base.unet)
    }
    training = learn(base, config, [0])
    tokens = training.result()
    assert tokens.shape == (1, config.stages, 2, base.token_width)
    assert not torch.equal(tokens[0, 0, 0], initial_embedding(base, "person"))
    assert torch.equal(tokens[:, :, 0], tokens[:, :, 1]) is not config.split_keys_values
    for part, before in frozen.items():
        assert all(torch.equal(before[key], value) for key, value in part.state_dict().items())
        assert all(parameter.grad is None for parameter in part.parameters())


def test_the_word_is_frozen_unless_it_is_trained(base: BaseModel) -> None:
    training = learn(base, VARIANTS["paper"], [0])
    torch.testing.assert_close(training.tokens.word[0], initial_embedding(base, "person"))


@pytest.mark.parametrize("generator", [True, False])
def test_offsets_start_from_zero_and_stay_within_their_bound(generator: bool) -> None:
    config = replace(SHORT, generator=generator, offset_bound=0.5)
    initial = torch.randn(32, generator=torch.Generator().manual_seed(0))
    tokens = IdentityTokens(initial, [0, 1], config)
    torch.testing.assert_close(tokens(), initial.expand(2, 5, 2, 32))
    with torch.no_grad():
        for parameter in tokens.parameters():
            parameter.add_(torch.randn(parameter.shape) * 100)
        distances = (tokens() - tokens.word[:, None, None]).norm(dim=-1)
    assert distances.max() <= 0.5 * initial.norm() * 1.001


def test_attention_loss_is_zero_for_the_class_noun_itself(base: BaseModel) -> None:
    prompts = training_prompts(base, SHORT, "person")
    reference = prompts.reference.expand(2, -1, -1)
    sample = torch.randn(2, *base.latent_shape, generator=torch.Generator().manual_seed(0))
    timesteps = torch.tensor([100, 900])
    losses, outputs = [], []
    for features in (reference, reference.roll(1, dims=1)):
        both = torch.cat([features, features], dim=-1)
        with AttentionLoss(base.unet, prompts, "mean") as loss, torch.no_grad():
            loss.begin(torch.zeros(2, dtype=torch.int64))
            outputs.append(base.unet(sample, timesteps, both).sample)
            losses.append(loss.per_row())
    assert losses[0].max() < 1e-12
    assert losses[1].min() > 1e-12
    with torch.no_grad():  # afterwards the U-Net attends as before
        plain = base.unet(sample, timesteps, torch.cat([reference, reference], dim=-1)).sample
    torch.testing.assert_close(outputs[0], plain, atol=1e-5, rtol=1e-4)


def test_attention_options_regularise_the_stated_tokens(base: BaseModel) -> None:
    counts = {
        option: training_prompts(base, replace(SHORT, attention_loss=option), "person")
        .regularised.sum()
        .item()
        for option in ("none", "identity", "prompt", "all")
    }
    assert counts == {"none": 0, "identity": 1, "prompt": 7, "all": 77}


def test_resumed_training_is_the_same_bit_for_bit(base: BaseModel) -> None:
    whole = learn(base, SHORT, [0]).result()
    first = learn(base, SHORT, [0], steps=3)
    second = learn(base, SHORT, [0], steps=0)
    second.restore(first.state())
    second.take_step()
    assert torch.equal(second.result(), whole)


def test_an_identity_does_not_depend_on_its_neighbours(base: BaseModel) -> None:
    together = learn(base, SHORT, [5, 6]).result()
    for row, seed in enumerate([5, 6]):
        alone = learn(base, SHORT, [seed]).result()[0]
        torch.testing.assert_close(alone, together[row], atol=1e-3, rtol=0)  # steps go to .02


def test_the_last_iterates_are_averaged(base: BaseModel) -> None:
    config = replace(SHORT, average_from=0.5)
    views = [make_views(base, picture(base), config, 0)]
    training = Training(base, config, "person", views, [0])
    iterates = []
    while not training.done:
        training.take_step()
        iterates.append(training.tokens().detach())
    torch.testing.assert_close(training.result(), torch.stack(iterates[2:]).mean(dim=0))


def test_the_word_starts_from_known_names_or_else_the_class_noun(
    base: BaseModel, tmp_path: Path
) -> None:
    def embedding(model: BaseModel, word: str) -> torch.Tensor:
        return token_embeddings(
            model.text_encoder, torch.tensor(model.tokenizer(word).token_ids[1])
        )

    names = torch.stack([embedding(base, "ada"), embedding(base, "boris")])
    torch.testing.assert_close(initial_embedding(base, "person"), names.mean(dim=0))
    without = load(write_random_checkpoint(tmp_path / "without"))
    torch.testing.assert_close(initial_embedding(without, "person"), embedding(without, "person"))


@pytest.mark.parametrize("noun", ["", "two words", "<person>", "person1", "x" * 65, "y" * 64])
def test_a_class_noun_is_one_known_word(base: BaseModel, noun: str) -> None:
    with pytest.raises(InputError, match="class_noun") as caught:
        initial_embedding(base, noun)
    assert caught.value.reason == "UNKNOWN_CLASS_NOUN"


def test_timesteps_cover_the_range_in_every_batch() -> None:
    generator = torch.Generator().manual_seed(0)
    drawn = torch.stack([stratified_timesteps(5, 1000, generator) for _ in range(2000)])
    assert (drawn // 200 == torch.arange(5)).all()
    assert drawn.min() < 5
    assert drawn.max() > 994


def test_masks_leave_out_what_is_not_the_image(base: BaseModel) -> None:
    image = np.full((*base.image_size, 3), 200, np.uint8)
    config = replace(SHORT, smallest_scale=0.6, jitter=0.0)
    rng = np.random.default_rng(0)
    shares = [augment(image, config, 8, rng)[1].mean() for _ in range(50)]
    assert 0.2 < min(shares) < max(shares) <= 1
    views = make_views(base, image, config, 0)
    assert isinstance(views, Views)
    assert views.masks[0].min() == 1  # the image itself comes first


def test_the_mask_has_no_effect_outside(base: BaseModel) -> None:
    config = replace(SHORT, attention_loss="none")
    views = make_views(base, picture(base), config, 0)
    masks = torch.zeros_like(views.masks)
    training = Training(base, config, "person", [Views(views.latents, masks)], [0])
    assert training.take_step().total == 0


def test_no_jitter_leaves_the_picture(base: BaseModel) -> None:
    image = picture(base)
    np.testing.assert_array_equal(jittered(image, np.zeros(3)), image)
    brighter = jittered(image, np.array([0.1, 0, 0]))
    assert brighter.mean() > image.mean()
