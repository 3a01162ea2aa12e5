"""The frozen Stable Diffusion: loading, split K/V cross-attention, per-stage conditioning."""

from basemodel.attention import SplitCrossAttention, install_cross_attention
from basemodel.attention_maps import AttentionMaps, stage_means
from basemodel.configs import BaseModelError
from basemodel.model import BaseModel, SpecialTokens, load
from basemodel.schedule import NoiseSchedule
from basemodel.source import resolve, source_digest
from basemodel.stages import select_stage, stage_index
from basemodel.text import prompt_embeddings, text_features, token_embeddings

__all__ = [
    "AttentionMaps",
    "BaseModel",
    "BaseModelError",
    "NoiseSchedule",
    "SpecialTokens",
    "SplitCrossAttention",
    "install_cross_attention",
    "load",
    "prompt_embeddings",
    "resolve",
    "select_stage",
    "source_digest",
    "stage_index",
    "stage_means",
    "text_features",
    "token_embeddings",
]
