"""Placeholders take one position each, and whatever can't be drawn is refused by name."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import Tokenizer, models, pre_tokenizers

from identity import PromptError, PromptTokenizer, place_identities

WINDOW = 16
BEGIN, END, PADDING = 0, 1, 1
WORDS = ("a", "photo", "of", "person", "holding", "cup")


def _tokenizer() -> PromptTokenizer:
    vocabulary = {"<|startoftext|>": 0, "<|endoftext|>": 1, "[unk]": 2}
    vocabulary |= {word: 3 + rank for rank, word in enumerate(WORDS)}
    tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token="[unk]"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.add_special_tokens(["<|startoftext|>", "<|endoftext|>"])
    return PromptTokenizer(tokenizer, WINDOW, BEGIN, END, PADDING)


TOKENIZER = _tokenizer()


def test_a_plain_prompt_is_framed_and_padded() -> None:
    prompt = TOKENIZER("a photo of person")
    assert prompt.token_ids.tolist() == [BEGIN, 3, 4, 5, 6, END] + [PADDING] * 10
    assert prompt.placeholders == ()


@given(st.lists(st.sampled_from([*WORDS, "<ann>", "<bob>"]), max_size=WINDOW - 2))
def test_placeholders_stand_where_their_words_stand(words: list[str]) -> None:
    bound = {word[1:-1] for word in words if word.startswith("<")}
    prompt = TOKENIZER(" ".join(words), bound)
    assert prompt.token_ids.shape == (WINDOW,)
    assert [(p.word, p.position - 1) for p in prompt.placeholders] == [
        (word[1:-1], rank) for rank, word in enumerate(words) if word.startswith("<")
    ]


def test_placeholders_need_no_space_around_them() -> None:
    prompt = TOKENIZER("photo<ann>,<bob>", {"ann", "bob"})
    assert [p.position for p in prompt.placeholders] == [2, 4]


def test_unbound_placeholders_are_named() -> None:
    with pytest.raises(PromptError, match="<bob> is not bound"):
        TOKENIZER("a photo of <ann> of <bob>", {"ann"})


def test_bound_words_that_do_not_occur_are_named() -> None:
    with pytest.raises(PromptError, match="<bob> is bound"):
        TOKENIZER("a photo of <ann>", {"ann", "bob"})


def test_too_many_tokens_name_the_limit() -> None:
    with pytest.raises(PromptError, match=r"15 tokens.*holds 14"):
        TOKENIZER(" ".join(["cup"] * 15))


def test_control_tokens_in_a_prompt_are_text() -> None:
    prompt = TOKENIZER("a <|endoftext|> photo")
    assert END not in prompt.token_ids[1 : prompt.length - 1]


def test_identities_replace_only_their_positions() -> None:
    prompt = TOKENIZER("a photo of <ann> holding <bob>", {"ann", "bob"})
    words = np.zeros((WINDOW, 4), np.float32)
    ann, bob = np.full((5, 2, 4), 1, np.float32), np.full((5, 2, 4), 2, np.float32)
    ann[3, 1] = 7
    placed = place_identities(words, prompt.placeholders, {"ann": ann, "bob": bob}, 5)
    assert placed.shape == (5, 2, WINDOW, 4)
    np.testing.assert_array_equal(placed[:, :, 4], ann)
    np.testing.assert_array_equal(placed[:, :, 6], bob)
    placed[:, :, [4, 6]] = 0
    assert not placed.any()
