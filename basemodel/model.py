"""Loads a Stable Diffusion 1.x (or 2.x) in diffusers' format, with every weight frozen."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any

import torch
from huggingface_hub.errors import StrictDataclassError
from safetensors import SafetensorError
from torch import Tensor, nn

from basemodel.attention import SplitCrossAttention, install_cross_attention
from basemodel.configs import BaseModelError, read_config, scheduler_config
from basemodel.schedule import NoiseSchedule
from basemodel.source import EXTRAS, resolve, source_digest
from identity import PromptTokenizer


@dataclass(frozen=True)
class SpecialTokens:
    """Ids of CLIP's special tokens."""

    begin: int
    end: int
    padding: int


@dataclass(frozen=True)
class BaseModel:
    """The frozen parts, in evaluation mode, without gradients.

    Attributes:
        digest: ``sha256:<hex>`` of weights and configs.
        text_encoder, unet, vae: transformers' CLIPTextModel, diffusers' UNet2DConditionModel (with
            :class:`SplitCrossAttention`, so it takes ``encoder_hidden_states [B, L, 2D]``) and
            AutoencoderKL.
        schedule: noise schedule of the training timesteps.
        scheduler_config: as diffusers writes it; see :func:`basemodel.configs.scheduler_config`.
        tokenizer: prompts with placeholders to token ids.
        tokenizer_json: the tokenizer in ``tokenizer.json``'s format.
        special_tokens: begin, end, padding.
        text_window: tokens of a prompt L.
        token_width: text width D.
        latent_shape: (channels, height, width) of a latent.
        image_size: (height, width) of a picture in pixels.
        scaling_factor: latents are multiplied by it after the VAE encoder.
        initial_words: per class noun, words whose mean embedding an identity starts from.
    """

    digest: str
    text_encoder: nn.Module
    unet: nn.Module
    vae: Any
    schedule: NoiseSchedule
    scheduler_config: Mapping[str, Any]
    tokenizer: PromptTokenizer
    tokenizer_json: str
    special_tokens: SpecialTokens
    text_window: int
    token_width: int
    latent_shape: tuple[int, int, int]
    image_size: tuple[int, int]
    scaling_factor: float
    initial_words: Mapping[str, tuple[str, ...]]

    @property
    def device(self) -> torch.device:
        """Where the weights lie."""
        return next(self.unet.parameters()).device

    @property
    def dtype(self) -> torch.dtype:
        """Type of the weights."""
        return next(self.unet.parameters()).dtype

    def encode(self, images: Tensor) -> Tensor:
        """Images ``[B, 3, H, W]`` in [-1, 1] to latents ``[B, C, h, w]``: the posterior's mean."""
        with torch.no_grad():
            images = images.to(self.device, self.vae.dtype)
            latents: Tensor = self.vae.encode(images).latent_dist.mean
        return latents * self.scaling_factor

    def decode(self, latents: Tensor) -> Tensor:
        """Latents ``[B, C, h, w]`` to images ``[B, 3, H, W]``, about [-1, 1]."""
        with torch.no_grad():
            latents = (latents / self.scaling_factor).to(self.vae.dtype)
            images: Tensor = self.vae.decode(latents).sample
        return images


def load(
    source: str | Path,
    device: str | torch.device = "cpu",
    dtype: torch.dtype = torch.float32,
) -> BaseModel:
    """Loads a diffusers directory or hub id; all sizes come from its configs.

    Raises:
        BaseModelError: it is no Stable Diffusion 1.x or 2.x in safetensors, or not whole.
    """
    from diffusers import AutoencoderKL, UNet2DConditionModel
    from transformers import CLIPTextModel, CLIPTokenizer

    directory = resolve(source)
    scheduler = scheduler_config(directory)
    schedule = NoiseSchedule.from_config(scheduler)
    initial_words = _initial_words(directory)
    with _loading(directory / "tokenizer"):
        tokenizer = CLIPTokenizer.from_pretrained(directory / "tokenizer")
    text_encoder, unet, vae = (
        _part(kind, directory / folder, dtype).requires_grad_(False).eval().to(device)
        for kind, folder in (
            (CLIPTextModel, "text_encoder"),
            (UNet2DConditionModel, "unet"),
            (AutoencoderKL, "vae"),
        )
    )
    install_cross_attention(unet, SplitCrossAttention())
    window = min(tokenizer.model_max_length, text_encoder.config.max_position_embeddings)
    special = SpecialTokens(tokenizer.bos_token_id, tokenizer.eos_token_id, tokenizer.pad_token_id)
    backend = tokenizer.backend_tokenizer
    prompt_tokenizer = PromptTokenizer(backend, window, special.begin, special.end, special.padding)
    _check_initial_words(initial_words, prompt_tokenizer, directory)
    height, width_of_latent = _pair(unet.config.sample_size)
    factor = 2 ** (len(vae.config.block_out_channels) - 1)
    return BaseModel(
        digest=source_digest(directory),
        text_encoder=text_encoder,
        unet=unet,
        vae=vae,
        schedule=schedule,
        scheduler_config=scheduler,
        tokenizer=prompt_tokenizer,
        tokenizer_json=backend.to_str(pretty=True),
        special_tokens=special,
        text_window=window,
        token_width=text_encoder.config.hidden_size,
        latent_shape=(unet.config.in_channels, height, width_of_latent),
        image_size=(height * factor, width_of_latent * factor),
        scaling_factor=vae.config.scaling_factor,
        initial_words=initial_words,
    )


def _part(kind: Any, folder: Path, dtype: torch.dtype) -> Any:
    with _loading(folder):
        part, report = kind.from_pretrained(
            folder, use_safetensors=True, torch_dtype=dtype, output_loading_info=True
        )
    if missing := sorted(report["missing_keys"]):  # they would be random, and so every picture
        raise BaseModelError(f"the weights in {folder} have no {missing[0]}: fetch them again")
    return part


@contextmanager
def _loading(folder: Path) -> Iterator[None]:
    """Names the folder in what the libraries raise."""
    try:
        yield
    except (
        OSError,
        RuntimeError,
        SafetensorError,
        StrictDataclassError,
        TypeError,
        ValueError,
    ) as error:
        # The advice comes first, for PyTorch's reasons are long.
        raise BaseModelError(f"{folder} can't be loaded, fetch it again: {error}") from error


def _pair(size: int | tuple[int, int]) -> tuple[int, int]:
    return (size, size) if isinstance(size, int) else (size[0], size[1])


def _initial_words(directory: Path) -> dict[str, tuple[str, ...]]:
    if not (directory / EXTRAS).is_file():
        return {}
    found = read_config(directory, EXTRAS).get("initial_words", {})
    if not isinstance(found, dict) or not all(map(_are_words, found.values())):
        raise BaseModelError(
            f"{directory / EXTRAS}: initial_words is no object of lists of words by class noun"
        )
    return {noun: tuple(words) for noun, words in found.items()}


def _check_initial_words(
    words: Mapping[str, tuple[str, ...]], tokenizer: PromptTokenizer, directory: Path
) -> None:
    """A part of a word, or of several, stands for nobody."""
    for word in chain.from_iterable(words.values()):
        if (tokens := tokenizer(word).length - 2) != 1:
            raise BaseModelError(
                f"{directory / EXTRAS}: initial_words: {word!r} must be one token of the base "
                f"model, but is {tokens}"
            )


def _are_words(words: object) -> bool:
    return isinstance(words, list) and all(isinstance(word, str) for word in words)
