"""The face-wise attention loss (paper III-B, Eq. 4)."""

from contextlib import ExitStack
from types import TracebackType

import torch
from diffusers.models.attention_processor import Attention
from torch import Tensor

from basemodel import BaseModel
from basemodel.attention import (
    SplitCrossAttention,
    cross_attentions,
    map_heights,
    split_heads,
    with_processors,
)
from trainer.config import TrainingConfig
from trainer.errors import InputError
from trainer.prompts import TrainingPrompts


class AttentionLoss:
    """``mean (A_t - stopgrad(A_r))^2`` over layers, heads, pixels and the regularised tokens.

    Norm, layers, stop-gradient and the reduction over tokens are the config's.

    ``A_t = softmax(Q K_t^T / sqrt(d))`` and ``A_r = softmax(Q K_r^T / sqrt(d))`` share the query of
    the target pass, so the reference costs one product and softmax a layer, no second U-Net pass.
    Used as a context manager: inside, the U-Net's cross-attention layers collect the loss.

    Args:
        base: the frozen model.
        prompts: give reference features and regularised tokens.
        config: settings.

    Raises:
        InputError: the base model has no layer of a size in ``attention_layers``.
    """

    def __init__(self, base: BaseModel, prompts: TrainingPrompts, config: TrainingConfig) -> None:
        self.config = config
        self.weights = prompts.regularised.float()
        if config.attention_reduction == "mean":
            self.weights = self.weights / self.weights.sum(dim=1, keepdim=True).clamp(min=1)
        self.prompt_of_row = torch.zeros(0, dtype=torch.int64)
        self.collected: list[Tensor] = []
        self._undo = ExitStack()
        self._layers: list[tuple[Attention, _Regularised]] = []
        for attention in _regularised_layers(base, config.attention_layers):
            with torch.no_grad():
                reference_keys = split_heads(attention, attention.to_k(prompts.reference))
            self._layers.append((attention, _Regularised(self, reference_keys)))

    def __enter__(self) -> "AttentionLoss":
        self._undo.enter_context(with_processors(self._layers))
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._undo.close()

    def begin(self, prompt_of_row: Tensor) -> None:
        """Before a U-Net pass: which prompt ``[B]`` each row has."""
        self.prompt_of_row = prompt_of_row
        self.collected = []

    def per_row(self) -> Tensor:
        """After a U-Net pass: its loss, ``[B]``."""
        return torch.stack(self.collected).mean(dim=0)


def _regularised_layers(base: BaseModel, heights: tuple[int, ...] | None) -> list[Attention]:
    height_of_layer = map_heights(base.unet, base.latent_shape[1])
    known = sorted(set(height_of_layer.values()))
    if missing := sorted(set(heights or ()) - set(known)):
        raise InputError(
            "INVALID_CONFIG", f"attention_layers: must be of {known}, got {missing[0]}"
        )
    layers = cross_attentions(base.unet)
    return [
        layers[name] for name, height in height_of_layer.items() if height in (heights or known)
    ]


class _Regularised(SplitCrossAttention):
    """Split cross-attention that also compares its map with the class noun's."""

    def __init__(self, loss: AttentionLoss, reference_keys: Tensor) -> None:
        self._loss = loss
        self._reference_keys = reference_keys  # [T, h, L, d]

    def attend(self, attn: Attention, query: Tensor, key: Tensor, value: Tensor) -> Tensor:  # noqa: ARG002
        scale = query.shape[-1] ** -0.5
        target_map = (query @ key.transpose(-1, -2) * scale).softmax(dim=-1)
        config = self._loss.config
        reference_query = query.detach() if config.attention_stop_gradient else query
        keys = self._reference_keys[self._loss.prompt_of_row]
        reference_map = (reference_query @ keys.transpose(-1, -2) * scale).softmax(dim=-1)
        difference = (target_map - reference_map).float()
        squared = config.attention_norm == "squared"
        distance = difference.square() if squared else difference.abs()
        per_token = distance.mean(dim=(1, 2))  # [B, L]
        weights = self._loss.weights[self._loss.prompt_of_row]
        self._loss.collected.append((per_token * weights).sum(dim=-1))
        attended: Tensor = target_map @ value
        return attended
