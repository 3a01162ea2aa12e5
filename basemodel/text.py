"""The text transformer, from token embeddings on: identity vectors can stand among words."""

from typing import Any

import torch
from torch import Tensor, nn


def _transformer(text_encoder: nn.Module) -> Any:
    """The module that has ``embeddings``, ``encoder`` and ``final_layer_norm``.

    Early transformers 5 keeps it one level below ``CLIPTextModel``.
    """
    return getattr(text_encoder, "text_model", text_encoder)


def token_embeddings(text_encoder: nn.Module, ids: Tensor) -> Tensor:
    """Word embeddings ``[..., D]`` of token ids ``[...]``, positions not yet added."""
    embedded: Tensor = _transformer(text_encoder).embeddings.token_embedding(ids)
    return embedded


def text_features(text_encoder: nn.Module, embeddings: Tensor) -> Tensor:
    """CLIP's text features ``[N, L, D]`` of token embeddings ``[N, L, D]``.

    Adds positions, runs the transformer under the causal mask, and applies the final layer norm:
    what diffusers' pipelines feed to the U-Net.
    """
    model = _transformer(text_encoder)
    length = embeddings.shape[1]
    hidden = embeddings + model.embeddings.position_embedding.weight[:length]
    lowest = torch.finfo(hidden.dtype).min
    mask = torch.full((length, length), lowest, dtype=hidden.dtype, device=hidden.device)
    mask = mask.triu(diagonal=1)[None, None]
    hidden = model.encoder(inputs_embeds=hidden, attention_mask=mask).last_hidden_state
    features: Tensor = model.final_layer_norm(hidden)
    return features


def prompt_embeddings(
    text_encoder: nn.Module, words: Tensor, positions: Tensor, tokens: Tensor
) -> Tensor:
    """U-Net conditioning of prompts with one identity in each.

    Args:
        text_encoder: the base model's.
        words: ``[N, L, D]`` token embeddings of the prompts.
        positions: ``[N]`` where the identities stand.
        tokens: ``[N, K, D]`` their vectors: K = 2 (for keys, for values) or 1 (for both).

    Returns:
        ``[N, L, 2D]``: features that give the keys beside those that give the values.
    """
    rows, kinds, _ = tokens.shape
    placed = words[:, None].repeat(1, kinds, 1, 1)
    placed[torch.arange(rows), :, positions] = tokens.to(words.dtype)
    features = text_features(text_encoder, placed.flatten(0, 1)).view(rows, kinds, *words.shape[1:])
    return torch.cat([features[:, 0], features[:, -1]], dim=-1)
