"""A second loss that makes the text encoder spread a caption's meaning over its padding."""

from __future__ import annotations

import torch
from torch import nn

from faceworld.corpus import Corpus
from faceworld.model import FaceModel
from faceworld.settings import DiffusionSettings

_WARM_UP_BATCH = 64


class Readout(nn.Module):
    """Reads identity and factors off the features behind a caption's end.

    A loss on it makes the text encoder spread the meaning of a caption, and of a name, over the
    padding, where the U-Net looks most.
    """

    def __init__(self, settings: DiffusionSettings, targets: int, end_id: int) -> None:
        super().__init__()
        self.linear = nn.Linear(settings.text_width, targets)
        self._end_id = end_id

    def forward(
        self, condition: torch.Tensor, ids: torch.Tensor, targets: torch.Tensor, known: torch.Tensor
    ) -> torch.Tensor:
        """Mean squared error where `known` [N, T]; condition [N, L, D], targets [N, T]."""
        behind = (ids == self._end_id).unsqueeze(-1).float()
        mean = (condition * behind).sum(dim=1) / behind.sum(dim=1)
        error = (self.linear(mean) - targets).square()
        loss: torch.Tensor = (error * known).sum() / known.sum().clamp(min=1)
        return loss


def readout_targets(
    model: FaceModel, ids: torch.Tensor, people: torch.Tensor, factors: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """(targets, known), both [N, T]: people only where named, factors only where told."""
    named = torch.stack([(ids == word).any(dim=1) for word in model.words], dim=1)
    told = (ids[:, 1] != model.end).unsqueeze(-1).expand_as(factors)
    known = torch.cat([named.repeat_interleave(people.shape[-1], dim=1), told], dim=1).float()
    return torch.cat([people.flatten(1), factors], dim=1), known


def warm_up(
    model: FaceModel,
    readout: Readout,
    corpus: Corpus,
    settings: DiffusionSettings,
    *,
    readout_alone: bool,
) -> None:
    """Trains the text encoder alone until names and factors can be read off its padding.

    With `readout_alone` the text encoder, trained before, stays as it is.
    """
    both = [*readout.parameters()]
    if not readout_alone:
        both += [*model.text.parameters(), *model.names.parameters()]
    optimizer = torch.optim.AdamW(both, settings.learning_rate)
    for _ in range(settings.readout_steps):
        _, ids, people, factors = corpus.draw(_WARM_UP_BATCH, 0.0)
        targets = readout_targets(model, ids, people, factors)
        loss = readout(model.condition(ids, people), ids, *targets)
        optimizer.zero_grad(set_to_none=True)
        torch.autograd.backward(loss)
        nn.utils.clip_grad_norm_(both, 1.0)
        optimizer.step()
