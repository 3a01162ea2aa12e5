"""A CLIPTokenizer in which every word of the captions, and every name, is a single token."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from itertools import pairwise

import torch
from tokenizers import pre_tokenizers
from transformers import CLIPTokenizer

from faceworld.vocabulary import FIRST_NAME, NAMES, NAMES_OF, SECOND_NAME, WORDS

_END_OF_WORD, _START, _END = "</w>", "<|startoftext|>", "<|endoftext|>"

#: Words whose places the names of a caption take when it is encoded.
FIRST_WORD, SECOND_WORD = NAMES[0], NAMES[1]


def _learn_merges(words: Sequence[str]) -> list[tuple[str, str]]:
    """Byte pair merges, in order, that make each word one token.

    The usual algorithm (join the most frequent neighbours until every word is whole), except that
    ties are broken by spelling: the `tokenizers` trainer breaks them at random, and the same
    words must get the same ids in every process.
    """
    pieces = [[*word[:-1], word[-1] + _END_OF_WORD] for word in words]
    merges: list[tuple[str, str]] = []
    while True:
        pairs = Counter(pair for word in pieces for pair in pairwise(word))
        if not pairs:
            return merges
        best = min(pairs, key=lambda pair: (-pairs[pair], pair))
        merges.append(best)
        pieces = [_join(word, best) for word in pieces]


def _join(word: list[str], pair: tuple[str, str]) -> list[str]:
    """The word with every occurrence of the pair made one piece."""
    joined: list[str] = []
    for piece in word:
        if joined and (joined[-1], piece) == pair:
            joined[-1] += piece
        else:
            joined.append(piece)
    return joined


def build_tokenizer(prompt_length: int) -> CLIPTokenizer:
    """Laid out as CLIP's own: bytes, bytes that end a word, merges, start, end."""
    names = [name for of_one_kind in NAMES_OF.values() for name in of_one_kind]
    merges = _learn_merges([*WORDS, *names])
    letters = sorted(pre_tokenizers.ByteLevel.alphabet())
    entries = [*letters, *(letter + _END_OF_WORD for letter in letters)]
    entries += dict.fromkeys(first + second for first, second in merges)
    entries += [_START, _END]
    vocab = {entry: index for index, entry in enumerate(dict.fromkeys(entries))}
    return CLIPTokenizer(
        vocab=vocab,
        merges=merges,  # type: ignore[arg-type]  # pairs are what `tokenizers` wants
        model_max_length=prompt_length,
    )


def encode(tokenizer: CLIPTokenizer, captions: Sequence[str]) -> torch.Tensor:
    """[N, prompt_length] token ids; FIRST_WORD and SECOND_WORD stand where names stand."""
    texts = [
        caption.replace(FIRST_NAME, FIRST_WORD).replace(SECOND_NAME, SECOND_WORD)
        for caption in captions
    ]
    return as_ids(tokenizer, texts)


def as_ids(tokenizer: CLIPTokenizer, texts: Sequence[str]) -> torch.Tensor:
    """[N, prompt_length] token ids, cut or padded."""
    told = tokenizer(list(texts), padding="max_length", truncation=True, return_tensors="pt")
    ids: torch.Tensor = told.input_ids
    return ids


def word_ids(tokenizer: CLIPTokenizer, words: Sequence[str]) -> list[int]:
    """Ids of words that are one token each."""
    vocabulary = tokenizer.get_vocab()
    return [vocabulary[word + _END_OF_WORD] for word in words]
