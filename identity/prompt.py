"""Prompts with placeholders: ``a photo of <ann> holding a cup``.

A placeholder is one token position, whatever the words around it. At that position the learned
vectors replace the token embedding before the text transformer (paper III-C).
"""

import re
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from tokenizers import Tokenizer

PLACEHOLDER = re.compile(r"<([A-Za-z0-9][A-Za-z0-9_-]{0,62})>")


class PromptError(ValueError):
    """A prompt that can't be drawn; the message says why and names the limit."""


@dataclass(frozen=True)
class Placeholder:
    """A placeholder word and the token position it takes."""

    word: str
    position: int


@dataclass(frozen=True)
class Prompt:
    """A tokenised prompt.

    Attributes:
        token_ids: ``[L]`` int64: begin, tokens, end, padding. At placeholders stands the end
            token, whose embedding is replaced.
        placeholders: in the order of their positions.
        length: tokens in use, begin and end included.
    """

    token_ids: npt.NDArray[np.int64]
    placeholders: tuple[Placeholder, ...]
    length: int


class PromptTokenizer:
    """CLIP's tokenizer with identity placeholders.

    Args:
        tokenizer: the base model's byte-pair tokenizer.
        max_length: the text window L, 77 in Stable Diffusion.
        begin, end, padding: the ids of CLIP's special tokens.
    """

    def __init__(
        self, tokenizer: Tokenizer, max_length: int, begin: int, end: int, padding: int
    ) -> None:
        self.max_length = max_length
        self._tokenizer = tokenizer
        self._begin, self._end, self._padding = begin, end, padding
        # Text such as "<|endoftext|>" in a prompt is text, never a control token.
        self._tokenizer.encode_special_tokens = True
        self._tokenizer.no_truncation()
        self._tokenizer.no_padding()

    @classmethod
    def from_file(
        cls, path: Path, max_length: int, begin: int, end: int, padding: int
    ) -> "PromptTokenizer":
        """Reads a ``tokenizer.json``."""
        return cls(Tokenizer.from_file(str(path)), max_length, begin, end, padding)

    def __call__(self, prompt: str, bound: Collection[str] = ()) -> Prompt:
        """Tokenises a prompt.

        Args:
            prompt: the text; ``<word>`` is a placeholder.
            bound: the placeholder words that are bound to an identity.

        Raises:
            PromptError: a placeholder is not bound, a bound word does not occur, or the prompt
                is longer than the text window.
        """
        ids, placeholders = [self._begin], []
        end_of_last = 0
        for match in PLACEHOLDER.finditer(prompt):
            word = match.group(1)
            if word not in bound:
                raise PromptError(f"placeholder <{word}> is not bound to an identity")
            ids += self._encode(prompt[end_of_last : match.start()])
            placeholders.append(Placeholder(word, len(ids)))
            ids.append(self._end)
            end_of_last = match.end()
        ids += self._encode(prompt[end_of_last:])
        ids.append(self._end)
        if unused := sorted(set(bound) - {placeholder.word for placeholder in placeholders}):
            raise PromptError(f"<{unused[0]}> is bound to an identity but not in the prompt")
        if len(ids) > self.max_length:
            raise PromptError(
                f"{len(ids) - 2} tokens, but the text window holds {self.max_length - 2}"
            )
        length = len(ids)
        ids += [self._padding] * (self.max_length - length)
        return Prompt(np.array(ids, np.int64), tuple(placeholders), length)

    def _encode(self, text: str) -> list[int]:
        if not text.strip():
            return []
        return list(self._tokenizer.encode(text, add_special_tokens=False).ids)
