"""The training prompts in tokens, with the identity's place left open."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from basemodel import BaseModel, text_features, token_embeddings
from identity import PromptError
from trainer.config import TrainingConfig
from trainer.errors import InputError
from trainer.tokens import class_noun_token

_WORD = "v"


@dataclass(frozen=True)
class TrainingPrompts:
    """The prompts of one class noun after the other, T in all.

    Attributes:
        words: ``[T, L, D]`` token embeddings; at the placeholder stands the class noun.
        positions: ``[T]`` of the placeholder.
        regularised: ``[T, L]``, 1 at tokens under the attention loss (Table III: #1, #2, #3).
        reference: ``[T, L, D]`` text features of the prompts with the class noun: what ``K_r``
            is projected from. Frozen, so computed once.
    """

    words: Tensor
    positions: Tensor
    regularised: Tensor
    reference: Tensor


def training_prompts(
    base: BaseModel, config: TrainingConfig, class_nouns: Sequence[str]
) -> TrainingPrompts:
    """Tokenises the prompts, for every class noun anew.

    Raises:
        InputError: for a class noun, or a prompt that the base model can't take.
    """
    nouns = torch.tensor([class_noun_token(base, noun) for noun in class_nouns])
    try:
        prompts = [base.tokenizer(text.format(f"<{_WORD}>"), [_WORD]) for text in config.prompts]
        prompts *= len(class_nouns)
    except PromptError as error:
        raise InputError("INVALID_CONFIG", f"prompts: {error}") from error
    positions = torch.tensor([prompt.placeholders[0].position for prompt in prompts])
    ids = torch.stack([torch.from_numpy(prompt.token_ids) for prompt in prompts])
    ids[torch.arange(len(prompts)), positions] = nouns.repeat_interleave(len(config.prompts))
    places = torch.arange(base.text_window)[None]
    lengths = torch.tensor([prompt.length for prompt in prompts])[:, None]
    regularised = {
        "none": torch.zeros_like(ids, dtype=torch.bool),
        "identity": places == positions[:, None],
        "prompt": (places > 0) & (places < lengths - 1),  # begin, end and padding left out
        "all": torch.ones_like(ids, dtype=torch.bool),
    }[config.attention_loss]
    with torch.no_grad():
        words = token_embeddings(base.text_encoder, ids.to(base.device))
        reference = text_features(base.text_encoder, words)
    return TrainingPrompts(words, positions.to(base.device), regularised.to(base.device), reference)
