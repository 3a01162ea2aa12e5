"""The face-wise attention loss (paper III-B, Eq. 4)."""

from types import TracebackType
from typing import Literal

import torch
from diffusers.models.attention_processor import Attention
from torch import Tensor, nn

from basemodel.attention import (
    SplitCrossAttention,
    cross_attentions,
    install_cross_attention,
    split_heads,
)
from trainer.prompts import TrainingPrompts


class AttentionLoss:
    """``mean (A_t - stopgrad(A_r))^2`` over layers, heads, pixels and the regularised tokens.

    ``A_t = softmax(Q K_t^T / sqrt(d))`` and ``A_r = softmax(Q K_r^T / sqrt(d))`` share the query of
    the target pass, so the reference costs one product and softmax a layer, no second U-Net pass.
    Used as a context manager: inside, the U-Net's cross-attention layers collect the loss.

    Args:
        unet: the base model's.
        prompts: give reference features and regularised tokens.
        reduction: ``mean`` or ``sum`` over the regularised tokens; the rest is always averaged.
    """

    def __init__(
        self, unet: nn.Module, prompts: TrainingPrompts, reduction: Literal["mean", "sum"]
    ) -> None:
        self._unet = unet
        self.weights = prompts.regularised.float()
        if reduction == "mean":
            self.weights = self.weights / self.weights.sum(dim=1, keepdim=True).clamp(min=1)
        self.prompt_of_row = torch.zeros(0, dtype=torch.int64)
        self.collected: list[Tensor] = []
        self._layers: list[tuple[Attention, _Regularised]] = []
        for attention in cross_attentions(unet).values():
            with torch.no_grad():
                reference_keys = split_heads(attention, attention.to_k(prompts.reference))
            self._layers.append((attention, _Regularised(self, reference_keys)))

    def __enter__(self) -> "AttentionLoss":
        for attention, processor in self._layers:
            attention.set_processor(processor)  # type: ignore[arg-type]
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        install_cross_attention(self._unet, SplitCrossAttention())

    def begin(self, prompt_of_row: Tensor) -> None:
        """Before a U-Net pass: which prompt ``[B]`` each row has."""
        self.prompt_of_row = prompt_of_row
        self.collected = []

    def per_row(self) -> Tensor:
        """After a U-Net pass: its loss, ``[B]``."""
        return torch.stack(self.collected).mean(dim=0)


class _Regularised(SplitCrossAttention):
    """Split cross-attention that also compares its map with the class noun's."""

    def __init__(self, loss: AttentionLoss, reference_keys: Tensor) -> None:
        self._loss = loss
        self._reference_keys = reference_keys  # [T, h, L, d]

    def attend(self, attn: Attention, query: Tensor, key: Tensor, value: Tensor) -> Tensor:  # noqa: ARG002
        scale = query.shape[-1] ** -0.5
        target_map = (query @ key.transpose(-1, -2) * scale).softmax(dim=-1)
        with torch.no_grad():
            keys = self._reference_keys[self._loss.prompt_of_row]
            reference_map = (query @ keys.transpose(-1, -2) * scale).softmax(dim=-1)
        per_token = (target_map - reference_map).float().square().mean(dim=(1, 2))  # [B, L]
        weights = self._loss.weights[self._loss.prompt_of_row]
        self._loss.collected.append((per_token * weights).sum(dim=-1))
        attended: Tensor = target_map @ value
        return attended
