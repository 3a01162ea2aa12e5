"""Pictures of two people, both identities in one prompt."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from basemodel import BaseModel, text_features, token_embeddings
from basemodel.drawing import Denoiser, Pictures, SamplingSettings, draw
from evaluation.seeds import seed_of

Pair = tuple[int, int]
"""Who is at the left and at the right."""

_FIRST, _SECOND = "first", "second"


@dataclass(frozen=True)
class PairDrawing:
    """All that pictures of pairs are drawn from.

    Attributes:
        base, denoise, sampling: as for all other pictures.
        tokens: ``[S, 2, D]`` of each person.
        noun: what people are called in a prompt that leaves them out.
    """

    base: BaseModel
    denoise: Denoiser
    sampling: SamplingSettings
    tokens: Mapping[int, Tensor]
    noun: str

    def draw(self, prompt: str, pairs: Sequence[Pair], seeds: int) -> Pictures:
        """``[pairs * seeds, H, W, 3]`` of a prompt with two ``{}``."""
        noise = [seed_of(prompt, index) for index in range(seeds)] * len(pairs)
        words, positions = self._words(prompt)
        people = [torch.stack([self.tokens[person] for person in pair]) for pair in pairs]
        told = [self._joint(words, positions, tokens) for tokens in people]
        rows = [each for each in told for _ in range(seeds)]
        return draw(self.base, self.denoise, rows, noise, self.sampling)

    def _words(self, prompt: str) -> tuple[Tensor, Tensor]:
        """Token embeddings ``[L, D]``, and where the two stand ``[2]``."""
        text = prompt.format(f"<{_FIRST}>", f"<{_SECOND}>")
        tokenised = self.base.tokenizer(text, [_FIRST, _SECOND])
        positions = [placeholder.position for placeholder in tokenised.placeholders]
        ids = torch.from_numpy(tokenised.token_ids).to(self.base.device)
        words = token_embeddings(self.base.text_encoder, ids)
        return words, torch.tensor(positions, device=self.base.device)

    def _joint(self, words: Tensor, positions: Tensor, tokens: Tensor) -> Tensor:
        """``[S, L, 2D]`` of one prompt in which both ``[2, S, 2, D]`` stand."""
        placed = words.expand(*tokens.shape[1:3], -1, -1).clone()
        placed[:, :, positions] = tokens.to(placed).movedim(0, 2)
        with torch.no_grad():
            features = text_features(self.base.text_encoder, placed.flatten(0, 1))
        return torch.cat(features.view(placed.shape).unbind(dim=1), dim=-1)
