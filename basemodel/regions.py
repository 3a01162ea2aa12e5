"""Several identities in one picture, each with a region of its own in cross-attention.

CLIP's text transformer is causal: every token after a placeholder, padding too, carries the
identity that stands there. With two identities in one prompt, keys and values of most tokens
therefore hold a mixture of both, and so do the faces. Here each identity has a prompt of its own,
in which the class noun stands for the others, and acts where its placeholder is attended to.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from diffusers.models.attention_processor import Attention
from torch import Tensor, nn
from torch.nn.functional import avg_pool2d

from basemodel.attention import SplitCrossAttention, cross_attentions, with_processors
from basemodel.text import prompt_embeddings

_SHARPNESS = 3.0  # how far one identity outweighs another, per standard deviation of its map
_SMOOTHING = 3  # pixels of a map that are averaged, each way


def regional_embeddings(
    text_encoder: nn.Module, words: Tensor, positions: Tensor, tokens: Tensor, noun: Tensor
) -> Tensor:
    """U-Net conditioning of one prompt with several identities, a region for each.

    Args:
        text_encoder: the base model's.
        words: ``[L, D]`` token embeddings of the prompt.
        positions: ``[R]`` where the identities stand.
        tokens: ``[R, S, K, D]`` their vectors, as in :func:`prompt_embeddings`.
        noun: ``[D]`` token embedding of the class noun.

    Returns:
        ``[S, R L, 2D]``: the features of the R prompts, one behind the other.
    """
    regions, stages = tokens.shape[:2]
    words = words.clone()
    words[positions] = noun
    features = prompt_embeddings(
        text_encoder,
        words.expand(regions * stages, -1, -1),
        positions.repeat_interleave(stages),
        tokens.flatten(0, 1),
    )
    return features.view(regions, stages, len(words), -1).transpose(0, 1).flatten(1, 2)


class RegionalUNet(nn.Module):
    """The U-Net under R prompts a row, made by :func:`regional_unet`."""

    def __init__(self, unet: nn.Module, latent_size: tuple[int, int]) -> None:
        super().__init__()
        self.unet = unet
        self._processor = _RegionalCrossAttention(latent_size)

    def forward(
        self, latents: Tensor, timesteps: Tensor, conditioning: Tensor, positions: Tensor
    ) -> Tensor:
        """The prediction, like the latents.

        Args:
            latents: ``[B, C, h, w]``.
            timesteps: ``[B]``.
            conditioning: ``[B, R L, 2D]``.
            positions: ``[B, R]`` of each prompt's own placeholder among its L tokens.
        """
        self._processor.positions = positions
        predicted: Tensor = self.unet(latents, timesteps, conditioning, return_dict=False)[0]
        return predicted


@contextmanager
def regional_unet(unet: nn.Module, latent_size: tuple[int, int]) -> Iterator[RegionalUNet]:
    """Inside, the U-Net's cross-attention layers work by region."""
    regional = RegionalUNet(unet, latent_size)
    layers = cross_attentions(unet).values()
    with with_processors((layer, regional._processor) for layer in layers):
        yield regional


def region_weights(maps: Tensor, size: tuple[int, int]) -> Tensor:
    """How much each identity acts at each pixel, ``[B, R, P]``; at every pixel the sum is 1.

    ``softmax_r(3 (M_r - mean) / std)`` of smoothed maps: what counts is where a placeholder is
    attended to more than elsewhere, not how much attention it draws in all.

    Args:
        maps: ``[B, R, P]`` attention to the placeholder of each identity.
        size: (height, width) of a map.
    """
    planes = maps.reshape(*maps.shape[:-1], *size)
    smooth = avg_pool2d(planes, _SMOOTHING, 1, _SMOOTHING // 2, count_include_pad=False).flatten(-2)
    deviation = smooth - smooth.mean(dim=-1, keepdim=True)
    spread = deviation.square().mean(dim=-1, keepdim=True).sqrt()
    smallest = torch.finfo(maps.dtype).tiny
    return (_SHARPNESS * deviation / spread.clamp(min=smallest)).softmax(dim=1)


class _RegionalCrossAttention(SplitCrossAttention):
    """``sum_r w_r softmax(Q K_r^T / sqrt(d)) V_r``, w by :func:`region_weights`."""

    def __init__(self, latent_size: tuple[int, int]) -> None:
        self._proportion = latent_size[0] / latent_size[1]
        self.positions = torch.zeros(0, 0, dtype=torch.int64)

    def attend(self, attn: Attention, query: Tensor, key: Tensor, value: Tensor) -> Tensor:  # noqa: ARG002
        """Of queries ``[B, h, P, d]``, keys and values ``[B, h, R L, d]``."""
        regions, pixels = self.positions.shape[1], query.shape[2]
        keys, values = (
            part.reshape(*part.shape[:2], regions, -1, part.shape[-1]) for part in (key, value)
        )
        scores = query[:, :, None] @ keys.mT * query.shape[-1] ** -0.5
        maps = scores.softmax(dim=-1)  # [B, h, R, P, L]
        own = self.positions[:, :, None, None].expand(-1, -1, pixels, 1)
        attended_to = maps.mean(dim=1).gather(-1, own).squeeze(-1)  # [B, R, P]
        height = round((pixels * self._proportion) ** 0.5)
        weights = region_weights(attended_to, (height, pixels // height))
        attended: Tensor = (weights[:, None, :, :, None] * (maps @ values)).sum(dim=2)
        return attended
