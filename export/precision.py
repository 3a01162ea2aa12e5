"""Half precision where it is safe, and a wider type where Stable Diffusion is known to overflow.

==================== ====================================================================
text encoder         float32: it runs once a prompt, and likeness hangs on its features
U-Net                half, but norms in float32, and the attention's scores and softmax
                     too where the checkpoint says ``upcast_attention`` (SD 2.1 does)
VAE                  float32 where the checkpoint says ``force_upcast``, else half,
                     norms in float32
==================== ====================================================================
"""

from typing import Any

import torch
from torch import Tensor, nn

from basemodel import BaseModel, SplitCrossAttention, install_cross_attention
from basemodel.attention import split_heads
from export.target import Precision


class WideNorm(nn.Module):
    """A norm in float32 between half precision layers: squares of activations overflow float16."""

    def __init__(self, norm: nn.Module) -> None:
        super().__init__()
        self.norm = norm.float()

    def forward(self, hidden: Tensor) -> Tensor:
        """Any shape that the norm takes; the type stays."""
        result: Tensor = self.norm(hidden.float()).to(hidden.dtype)
        return result


def wide_attention(query: Tensor, key: Tensor, value: Tensor) -> Tensor:
    """``softmax(Q K^T / sqrt(d)) V`` of ``[B, h, N, d]``, up to the softmax in float32."""
    scores = (query.float() * query.shape[-1] ** -0.5) @ key.float().transpose(-1, -2)
    attended: Tensor = scores.softmax(dim=-1).to(value.dtype) @ value
    return attended


class WideCrossAttention(SplitCrossAttention):
    """Cross-attention of split keys and values with scores in float32."""

    def attend(self, attn: Any, query: Tensor, key: Tensor, value: Tensor) -> Tensor:  # noqa: ARG002
        """See :func:`wide_attention`."""
        return wide_attention(query, key, value)


class WideSelfAttention:
    """Self-attention with scores in float32, as a diffusers attention processor."""

    def __call__(self, attn: Any, hidden_states: Tensor, *_: object, **__: object) -> Tensor:
        """``[B, P, C]`` to ``[B, P, C]``."""
        query, key, value = (
            split_heads(attn, project(hidden_states))
            for project in (attn.to_q, attn.to_k, attn.to_v)
        )
        attended = wide_attention(query, key, value).transpose(1, 2).flatten(2)
        result: Tensor = attn.to_out[1](attn.to_out[0](attended)) / attn.rescale_output_factor
        return result


def narrow(base_model: BaseModel, precision: Precision) -> None:
    """Brings U-Net and VAE to ``precision`` in place; see the table above."""
    if base_model.dtype == precision.dtype:
        return
    unet: Any = base_model.unet
    if unet.config.upcast_attention:
        for name, module in unet.named_modules():
            if name.endswith("attn1"):
                module.set_processor(WideSelfAttention())
        install_cross_attention(unet, WideCrossAttention())
    _narrow(unet, precision.dtype)
    if not base_model.vae.config.force_upcast:
        _narrow(base_model.vae, precision.dtype)


def _narrow(module: nn.Module, dtype: torch.dtype) -> None:
    module.to(dtype)
    for parent in list(module.modules()):
        for name, child in list(parent.named_children()):
            if isinstance(child, nn.GroupNorm | nn.LayerNorm):
                setattr(parent, name, WideNorm(child))
