"""Pictures of two people, drawn from one prompt or each in a region of its own."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from basemodel import BaseModel, text_features, token_embeddings
from basemodel.regions import regional_embeddings, regional_unet
from evaluation.denoiser import Denoiser
from evaluation.metrics import Indices
from evaluation.sampling import Pictures, SamplingSettings, draw, seed_of

WAYS = ("one prompt", "by region")
"""Both identities in one prompt, or each in a region of its own (:mod:`basemodel.regions`)."""
LAYOUT_STAGES = 2
"""Stages in which one prompt holds both even where each has a region: they settle the layout."""

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

    def draw(self, way: str, prompt: str, pairs: Sequence[Pair], seeds: int) -> Pictures:
        """``[pairs * seeds, H, W, 3]`` of a prompt with two ``{}``."""
        base = self.base
        noise = [seed_of(prompt, index) for index in range(seeds)] * len(pairs)
        words, positions = self._words(prompt)
        people = [torch.stack([self.tokens[person] for person in pair]) for pair in pairs]
        if way == WAYS[0]:
            told = [self._joint(words, positions, tokens) for tokens in people]
            rows = [each for each in told for _ in range(seeds)]
            return draw(base, self.denoise, rows, noise, self.sampling)
        noun = self._embedded(int(base.tokenizer(self.noun).token_ids[1]))
        with torch.no_grad(), regional_unet(base.unet, base.latent_shape[1:]) as unet:
            told = [self._regional(words, positions, tokens, noun) for tokens in people]

            def denoise(latents: Tensor, timestep: int, conditioning: Tensor) -> Tensor:
                timesteps = torch.full((len(latents),), timestep, device=base.device)
                places = positions.expand(len(latents), -1)
                predicted: Tensor = unet(latents, timesteps, conditioning, places)
                return predicted

            rows = [each for each in told for _ in range(seeds)]
            return draw(base, denoise, rows, noise, self.sampling)

    def _regional(self, words: Tensor, positions: Tensor, tokens: Tensor, noun: Tensor) -> Tensor:
        """``[S, 2 L, 2D]``: a prompt for each of ``[2, S, 2, D]``, but one for both at first."""
        apart = regional_embeddings(self.base.text_encoder, words, positions, tokens, noun)
        together = self._joint(words, positions, tokens).repeat(1, 2, 1)
        return torch.cat([together[:LAYOUT_STAGES], apart[LAYOUT_STAGES:]])

    def _embedded(self, ids: int | Indices) -> Tensor:
        return token_embeddings(
            self.base.text_encoder, torch.as_tensor(ids, device=self.base.device)
        )

    def _words(self, prompt: str) -> tuple[Tensor, Tensor]:
        """Token embeddings ``[L, D]``, and where the two stand ``[2]``."""
        text = prompt.format(f"<{_FIRST}>", f"<{_SECOND}>")
        tokenised = self.base.tokenizer(text, [_FIRST, _SECOND])
        positions = [placeholder.position for placeholder in tokenised.placeholders]
        return self._embedded(tokenised.token_ids), torch.tensor(positions, device=self.base.device)

    def _joint(self, words: Tensor, positions: Tensor, tokens: Tensor) -> Tensor:
        """``[S, L, 2D]`` of one prompt in which both ``[2, S, 2, D]`` stand."""
        placed = words.expand(*tokens.shape[1:3], -1, -1).clone()
        placed[:, :, positions] = tokens.to(placed).movedim(0, 2)
        with torch.no_grad():
            features = text_features(self.base.text_encoder, placed.flatten(0, 1))
        return torch.cat(features.view(placed.shape).unbind(dim=1), dim=-1)
