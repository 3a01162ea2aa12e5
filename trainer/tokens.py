"""Where the S x 2 vectors of an identity come from (paper III-C): the only trained part."""

from typing import Literal

import torch
from torch import Tensor, nn

from basemodel import BaseModel, token_embeddings
from identity import PromptError
from trainer.config import TrainingConfig
from trainer.errors import InputError


class OffsetGenerator(nn.Module):
    """Two self-attention layers and a feed-forward layer over the one token ``v*``.

    Over one token softmax is 1, so the layers act as a deep generator. Its last layer starts from
    zero, so every offset does.
    """

    def __init__(self, width: int, vectors: int, heads: int) -> None:
        super().__init__()
        self.norms = nn.ModuleList(nn.LayerNorm(width) for _ in range(3))
        self.attentions = nn.ModuleList(
            nn.MultiheadAttention(width, heads, batch_first=True) for _ in range(2)
        )
        self.forward_in = nn.Linear(width, 4 * width)
        self.forward_out = nn.Linear(4 * width, vectors * width)
        nn.init.zeros_(self.forward_out.weight)
        nn.init.zeros_(self.forward_out.bias)

    def forward(self, word: Tensor) -> Tensor:
        """``v*`` ``[D]`` to offsets ``[vectors, D]``."""
        hidden = word[None, None]
        for norm, attention in zip(self.norms, self.attentions, strict=False):
            normed = norm(hidden)
            hidden = hidden + attention(normed, normed, normed, need_weights=False)[0]
        hidden = nn.functional.gelu(self.forward_in(self.norms[2](hidden)))
        offsets: Tensor = self.forward_out(hidden).view(-1, word.shape[0])
        return offsets


class IdentityTokens(nn.Module):
    """``P_i = v* + offset_i``, lengths bounded on demand.

    Args:
        initial: ``[D]`` the embedding that ``v*`` starts from.
        seed: of the generator's weights.
        config: how many vectors, and what gives them.

    Raises:
        InputError: the generator's heads don't fit the width.
    """

    def __init__(self, initial: Tensor, seed: int, config: TrainingConfig) -> None:
        super().__init__()
        width, kinds = initial.shape[0], 2 if config.split_keys_values else 1
        self.shape = (config.stages, kinds, width)
        self.word = nn.Parameter(initial.clone(), requires_grad=config.train_word)
        self.initial_norm = float(initial.norm())
        self.offset_bound, self.norm_bound = (
            None if bound is None else bound * self.initial_norm
            for bound in (config.offset_bound, config.norm_bound)
        )
        self.offsets: OffsetGenerator | nn.Parameter
        if config.generator:
            if width % config.generator_heads:
                raise InputError(
                    "INVALID_CONFIG",
                    f"generator_heads: must divide the text width {width}, "
                    f"got {config.generator_heads}",
                )
            self.offsets = _seeded_generator(
                seed, width, config.stages * kinds, config.generator_heads
            )
        else:
            self.offsets = nn.Parameter(torch.zeros(self.shape))

    def offset_parameters(self) -> list[nn.Parameter]:
        """What gives ``P - v*``."""
        if isinstance(self.offsets, OffsetGenerator):
            return list(self.offsets.parameters())
        return [self.offsets]

    def forward(self) -> Tensor:
        """``[S, K, D]``; K is 2, or 1 where keys and values share their vectors."""
        if isinstance(self.offsets, OffsetGenerator):
            # The generator reads v* but does not steer it: v* has a learning rate of its own.
            offsets: Tensor = self.offsets(self.word.detach()).view(self.shape)
        else:
            offsets = self.offsets
        return self._within_norm(self.word + self._within_reach(offsets))

    def _within_reach(self, offsets: Tensor) -> Tensor:
        """Offsets ``[..., D]`` of length x shortened smoothly to ``r x / sqrt(r^2 + x^2)``."""
        if self.offset_bound is None:
            return offsets
        squared = offsets.square().sum(dim=-1, keepdim=True) / self.offset_bound**2
        return offsets / (1 + squared).sqrt()

    def _within_norm(self, tokens: Tensor) -> Tensor:
        """Tokens ``[..., D]``, the nearest within the bound; those inside stay as they are."""
        if self.norm_bound is None:
            return tokens
        norms: Tensor = tokens.norm(dim=-1, keepdim=True)
        return tokens * (norms.reciprocal() * self.norm_bound).clamp(max=1)


def _seeded_generator(seed: int, width: int, vectors: int, heads: int) -> OffsetGenerator:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return OffsetGenerator(width, vectors, heads)


def initial_embedding(
    base: BaseModel, class_noun: str, initialisation: Literal["names", "noun"]
) -> Tensor:
    """``[D]`` where ``v*`` starts: the mean of the base model's names of the class, or its noun.

    Where the base model knows no names of the class it is the noun.

    Raises:
        InputError: the class noun is not one token of the base model.
    """
    class_noun_token(base, class_noun)
    names = base.initial_words.get(class_noun, ()) if initialisation == "names" else ()
    words = names or (class_noun,)
    ids = [base.tokenizer(word).token_ids[1] for word in words]
    embedded = token_embeddings(base.text_encoder, torch.tensor(ids, device=base.device))
    return embedded.float().mean(dim=0)


def class_noun_token(base: BaseModel, class_noun: str) -> int:
    """The token id of the class noun.

    It must be one token: it takes the placeholder's one position in the reference prompt, so that
    the attention maps of both prompts can be compared token by token.

    Raises:
        InputError: it is not.
    """
    if not class_noun.isalpha() or len(class_noun) > 64:
        raise InputError("UNKNOWN_CLASS_NOUN", "class_noun: must be one word of up to 64 letters")
    try:
        prompt = base.tokenizer(class_noun)
    except PromptError as error:
        raise InputError("UNKNOWN_CLASS_NOUN", f"class_noun: {error}") from error
    if prompt.length != 3:
        raise InputError(
            "UNKNOWN_CLASS_NOUN",
            f"class_noun: must be a word that is one token of the base model, "
            f"but is {prompt.length - 2}",
        )
    return int(prompt.token_ids[1])
