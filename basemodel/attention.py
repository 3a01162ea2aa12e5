"""Cross-attention with separate text features for keys and values (paper III-C, Fig. 5)."""

from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager

from diffusers.models.attention_processor import Attention
from torch import Tensor, nn
from torch.nn.functional import scaled_dot_product_attention


class SplitCrossAttention:
    """``softmax(Q to_k(C^K)^T / sqrt(d)) to_v(C^V)``, as a diffusers attention processor.

    ``encoder_hidden_states [B, L, 2D]`` holds ``C^K`` and ``C^V`` side by side in the last axis.
    With ``C^K = C^V`` it is diffusers' own cross-attention.
    """

    def __call__(
        self,
        attn: Attention,
        hidden_states: Tensor,
        encoder_hidden_states: Tensor,
        attention_mask: Tensor | None = None,
        temb: Tensor | None = None,  # noqa: ARG002  (part of diffusers' call)
    ) -> Tensor:
        """``[B, P, C]`` pixels to ``[B, P, C]``."""
        if attention_mask is not None:
            raise ValueError("cross-attention under a mask is not supported")
        key_features, value_features = encoder_hidden_states.chunk(2, dim=-1)
        query = split_heads(attn, attn.to_q(hidden_states))
        key = split_heads(attn, attn.to_k(key_features))
        value = split_heads(attn, attn.to_v(value_features))
        attended = self.attend(attn, query, key, value)
        hidden_states = attn.to_out[0](attended.transpose(1, 2).flatten(2))
        result: Tensor = attn.to_out[1](hidden_states) / attn.rescale_output_factor
        return result

    def attend(self, attn: Attention, query: Tensor, key: Tensor, value: Tensor) -> Tensor:  # noqa: ARG002
        """``[B, h, P, d]`` of queries ``[B, h, P, d]``, keys and values ``[B, h, L, d]``."""
        return scaled_dot_product_attention(query, key, value)


def split_heads(attn: Attention, projected: Tensor) -> Tensor:
    """``[B, N, h d]`` to ``[B, h, N, d]``."""
    batch, positions, _ = projected.shape
    return projected.view(batch, positions, attn.heads, -1).transpose(1, 2)


def cross_attentions(unet: nn.Module) -> dict[str, Attention]:
    """The U-Net's cross-attention layers by name."""
    return {
        name: module
        for name, module in unet.named_modules()
        if isinstance(module, Attention) and name.endswith("attn2")
    }


def map_heights(unet: nn.Module, height: int) -> dict[str, int]:
    """Height of each cross-attention layer's map, by the layer's name.

    Args:
        unet: of ``UNet2DConditionModel``'s shape: every down block but the last halves the latent.
        height: of the latents.
    """
    blocks = len(unet.down_blocks)  # type: ignore[arg-type]
    halvings = {"mid_block.attentions": blocks - 1}
    for level in range(blocks):
        halvings |= {f"down_blocks.{level}": level, f"up_blocks.{blocks - 1 - level}": level}
    block_of_layer = {name: ".".join(name.split(".")[:2]) for name in cross_attentions(unet)}
    return {name: height // 2 ** halvings[block] for name, block in block_of_layer.items()}


def install_cross_attention(unet: nn.Module, processor: SplitCrossAttention) -> None:
    """Makes every cross-attention layer use the processor; self-attention stays diffusers' own."""
    for attention in cross_attentions(unet).values():
        attention.set_processor(processor)  # type: ignore[arg-type]


@contextmanager
def with_processors(
    processors: Iterable[tuple[Attention, SplitCrossAttention]],
) -> Iterator[None]:
    """Inside, each layer uses the processor beside it; afterwards the one that it had before."""
    with ExitStack() as undo:
        for layer, processor in processors:
            undo.callback(layer.set_processor, layer.processor)
            layer.set_processor(processor)  # type: ignore[arg-type]
        yield
