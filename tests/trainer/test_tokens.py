"""Where the vectors start, and how far they can go."""

from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from basemodel import BaseModel, load, token_embeddings
from tests.support.random_checkpoint import write_random_checkpoint
from trainer.config import TrainingConfig
from trainer.errors import InputError
from trainer.losses import norm_penalty
from trainer.tokens import IdentityTokens, initial_embedding

WIDTH = 32


def tokens_of(config: TrainingConfig, seed: int = 0) -> IdentityTokens:
    initial = torch.randn(WIDTH, generator=torch.Generator().manual_seed(seed))
    return IdentityTokens(initial, 0, config)


def disturb(tokens: IdentityTokens, seed: int, much: float) -> None:
    """Training that went anywhere."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in tokens.parameters():
            parameter.add_(torch.randn(parameter.shape, generator=generator) * much)


def embedding(base: BaseModel, word: str) -> torch.Tensor:
    return token_embeddings(base.text_encoder, torch.tensor(base.tokenizer(word).token_ids[1]))


@pytest.mark.parametrize("generator", [True, False])
def test_all_vectors_start_as_the_word(generator: bool) -> None:
    tokens = tokens_of(TrainingConfig(generator=generator, norm_bound=1))
    torch.testing.assert_close(tokens(), tokens.word.expand(5, 2, WIDTH))


anywhere = st.tuples(st.integers(0, 2**31), st.floats(0.01, 1000))


@given(st.booleans(), st.floats(0.01, 10), anywhere)
def test_offsets_stay_within_their_bound(
    generator: bool, bound: float, where: tuple[int, float]
) -> None:
    tokens = tokens_of(TrainingConfig(generator=generator, offset_bound=bound, stages=2))
    disturb(tokens, *where)
    with torch.no_grad():
        distances = (tokens() - tokens.word).norm(dim=-1)
    rounding = 1e-5 * float(tokens.word.detach().norm(dim=-1).max())
    assert distances.max() <= bound * tokens.initial_norm * 1.001 + rounding


@given(st.booleans(), st.floats(0.1, 10), anywhere)
def test_vectors_stay_within_the_norm_bound_and_keep_their_direction(
    generator: bool, bound: float, where: tuple[int, float]
) -> None:
    bounded, free = (
        tokens_of(TrainingConfig(generator=generator, norm_bound=limit, stages=2))
        for limit in (bound, None)
    )
    for tokens in (bounded, free):
        disturb(tokens, *where)
    with torch.no_grad():
        inside, anyhow = bounded(), free()
    limit = bound * bounded.initial_norm
    assert inside.norm(dim=-1).max() <= limit * 1.001
    expected = anyhow * (limit / anyhow.norm(dim=-1, keepdim=True)).clamp(max=1)
    torch.testing.assert_close(inside, expected)


def test_the_norm_penalty_is_zero_at_the_initial_norm_only() -> None:
    vectors = torch.nn.functional.normalize(torch.randn(3, 5, 2, WIDTH), dim=-1)
    scaled = vectors * torch.tensor([2.0, 4.0, 1.0])[:, None, None, None]
    torch.testing.assert_close(
        norm_penalty(scaled, torch.full((3,), 2.0)), torch.tensor([0.0, 1.0, 0.25])
    )


def test_generator_heads_divide_the_width() -> None:
    with pytest.raises(InputError, match="generator_heads: must divide the text width 32, got 5"):
        tokens_of(TrainingConfig(generator=True, generator_heads=5))


def test_the_word_starts_from_the_names_of_its_class(base: BaseModel) -> None:
    names = torch.stack([embedding(base, "ada"), embedding(base, "boris")])
    torch.testing.assert_close(initial_embedding(base, "person", "names"), names.mean(dim=0))


@pytest.mark.parametrize(
    ("noun", "initialisation"), [("person", "noun"), ("cup", "names"), ("cup", "noun")]
)
def test_or_from_the_noun_where_that_is_asked_for_or_no_name_is_known(
    base: BaseModel, noun: str, initialisation: str
) -> None:
    initial = initial_embedding(base, noun, initialisation)
    torch.testing.assert_close(initial, embedding(base, noun))


def test_a_base_model_without_names_starts_from_the_noun(tmp_path: Path) -> None:
    without = load(write_random_checkpoint(tmp_path / "without"))
    initial = initial_embedding(without, "person", "names")
    torch.testing.assert_close(initial, embedding(without, "person"))


@pytest.mark.parametrize("noun", ["", "two words", "<person>", "person1", "x" * 65, "y" * 64])
def test_a_class_noun_is_one_known_word(base: BaseModel, noun: str) -> None:
    with pytest.raises(InputError, match="class_noun") as caught:
        initial_embedding(base, noun, "names")
    assert caught.value.reason == "UNKNOWN_CLASS_NOUN"
