"""A CLIPTokenizer in which every word of the captions, and every name, is a single token."""

from __future__ import annotations

import json
from collections.abc import Sequence

import torch
from tokenizers import Tokenizer, models, pre_tokenizers, trainers
from transformers import CLIPTokenizer

from faceworld.captions import FIRST_NAME, NAMES, SECOND_NAME, WORDS

_END_OF_WORD, _START, _END = "</w>", "<|startoftext|>", "<|endoftext|>"

#: Words whose places the names of a caption take when it is encoded.
FIRST_WORD, SECOND_WORD = NAMES[0], NAMES[1]


def _learn_merges(words: Sequence[str]) -> list[tuple[str, str]]:
    """Byte pair merges, in order, that make each word one token."""
    tokenizer = Tokenizer(models.BPE(end_of_word_suffix=_END_OF_WORD))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    trainer = trainers.BpeTrainer(
        vocab_size=100_000, end_of_word_suffix=_END_OF_WORD, show_progress=False
    )
    tokenizer.train_from_iterator(words, trainer)
    return [tuple(pair) for pair in json.loads(tokenizer.to_str())["model"]["merges"]]


def build_tokenizer(prompt_length: int) -> CLIPTokenizer:
    """Laid out as CLIP's own: bytes, bytes that end a word, merges, start, end."""
    merges = _learn_merges([*WORDS, *NAMES])
    letters = sorted(pre_tokenizers.ByteLevel.alphabet())
    entries = [*letters, *(letter + _END_OF_WORD for letter in letters)]
    entries += dict.fromkeys(first + second for first, second in merges)
    entries += [_START, _END]
    vocab = {entry: index for index, entry in enumerate(dict.fromkeys(entries))}
    return CLIPTokenizer(vocab=vocab, merges=merges, model_max_length=prompt_length)


def encode(tokenizer: CLIPTokenizer, captions: Sequence[str]) -> torch.Tensor:
    """[N, prompt_length] token ids; FIRST_WORD and SECOND_WORD stand where names stand."""
    texts = [
        caption.replace(FIRST_NAME, FIRST_WORD).replace(SECOND_NAME, SECOND_WORD)
        for caption in captions
    ]
    return tokenizer(
        texts, padding="max_length", truncation=True, return_tensors="pt"
    ).input_ids
