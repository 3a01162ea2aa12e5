"""Half precision where it is safe, and a wider type where Stable Diffusion is known to overflow.

==================== ====================================================================
text encoder         float32: it runs once a prompt, and likeness hangs on its features
U-Net                half, but norms in float32, and the attention's scores and softmax
                     too where the checkpoint says ``upcast_attention`` (SD 2.1 does)
VAE                  float32: it runs once a picture, and SD's may overflow in float16
==================== ====================================================================
"""

from typing import Any

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


def precision_of(graph: str, precision: Precision) -> Precision:
    """What a graph is in, by its name, where the U-Net is in ``precision``."""
    return precision if graph == "unet" else Precision.FP32


def narrow(base_model: BaseModel, precision: Precision) -> None:
    """Brings the U-Net to ``precision`` in place; see the table above."""
    if base_model.dtype == precision.dtype:
        return
    unet: Any = base_model.unet
    if unet.config.upcast_attention:
        for name, module in unet.named_modules():
            if name.endswith("attn1"):
                module.set_processor(WideSelfAttention())
        install_cross_attention(unet, WideCrossAttention())
    unet.to(precision.dtype)
    for parent in list(unet.modules()):
        for name, child in list(parent.named_children()):
            if isinstance(child, nn.GroupNorm | nn.LayerNorm):
                setattr(parent, name, WideNorm(child))
