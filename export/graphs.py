"""The graphs that are exported, as modules with named tensors: the engines' whole interface.

Everything that differs between requests is a row of an input, so one graph serves them all.
"""

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from basemodel import BaseModel, select_stage, text_features
from export.sizes import PictureSizes, latent_multiple

PICTURE_AXES = 4
"""Axes of ``[B, C, h, w]``."""


@dataclass(frozen=True)
class Graph:
    """A graph and its interface.

    Attributes:
        name: name of the model in Triton.
        module: takes the inputs in order and returns one tensor.
        inputs: an example of each input; the first axis is the batch, of any size.
        output: name of the output.
        output_shape: its shape without the batch; -1: any size.
        multiple: the last two axes of a picture's input ``[B, C, h, w]`` may have any size that is
            a multiple of it; None: no input is a picture.
    """

    name: str
    module: nn.Module
    inputs: dict[str, Tensor]
    output: str
    output_shape: tuple[int, ...]
    multiple: int | None = None

    def free_axes(self, name: str) -> dict[int, str]:
        """The axes of an input that have no fixed size, and what they are."""
        if self.multiple is not None and self.inputs[name].ndim == PICTURE_AXES:
            return {0: "batch", 2: "height", 3: "width"}
        return {0: "batch"}

    def dims(self, name: str) -> list[int]:
        """An input's shape as Triton writes it: -1 where it is free."""
        free = self.free_axes(name)
        shape = self.inputs[name].shape
        return [-1 if axis in free else size for axis, size in enumerate(shape)]


class TextEncoder(nn.Module):
    """Token embeddings ``[N, L, D]`` to text features ``[N, L, D]``."""

    def __init__(self, text_encoder: nn.Module) -> None:
        super().__init__()
        self.text_encoder = text_encoder

    def forward(self, embeddings: Tensor) -> Tensor:
        """See :func:`basemodel.text_features`."""
        return text_features(self.text_encoder, embeddings)


class StagedUNet(nn.Module):
    """The U-Net, with each row's stage chosen by its timestep (paper III-C)."""

    def __init__(self, unet: nn.Module) -> None:
        super().__init__()
        self.unet: Any = unet

    def forward(self, sample: Tensor, timestep: Tensor, *prompt_embeds: Tensor) -> Tensor:
        """Noise ``[B, 4, h, w]`` of latents ``[B, 4, h, w]`` at timesteps ``[B]``.

        ``prompt_embeds``: for each stage ``[B, L, 2D]``, key and value features side by side.
        Inputs and outputs are float32, whatever lies between.
        """
        dtype = self.unet.dtype
        conditioning = select_stage(prompt_embeds, timestep).to(dtype)
        predicted: Tensor = self.unet(sample.to(dtype), timestep, conditioning, return_dict=False)[
            0
        ]
        return predicted.float()


class VaeEncoder(nn.Module):
    """Images to latents, for drawing on from a given picture."""

    def __init__(self, vae: nn.Module, scaling_factor: float) -> None:
        super().__init__()
        self.vae: Any = vae
        self.scaling_factor = scaling_factor

    def forward(self, image: Tensor) -> Tensor:
        """``[B, C, h, w]``, the posterior's mean times the scaling factor, of ``[B, 3, H, W]`` in
        [-1, 1]."""
        mean: Tensor = self.vae.encode(image).latent_dist.mean
        return mean * self.scaling_factor


class VaeDecoder(nn.Module):
    """Latents ``[B, 4, h, w]``, already divided by the scaling factor, to images."""

    def __init__(self, vae: nn.Module) -> None:
        super().__init__()
        self.vae: Any = vae

    def forward(self, latents: Tensor) -> Tensor:
        """``[B, 3, H, W]``, about [-1, 1]."""
        image: Tensor = self.vae.decode(latents, return_dict=False)[0]
        return image


def graphs(base_model: BaseModel, stages: int) -> list[Graph]:
    """Text encoder, U-Net, VAE decoder and VAE encoder of a base model."""
    window, width = base_model.text_window, base_model.token_width
    channels, height, latent_width = base_model.latent_shape
    sizes = PictureSizes.of(base_model)
    multiple = latent_multiple(base_model)
    # A size of 1 in an example would be taken for a constant: no level may come down to it.
    latent = torch.zeros(2, channels, max(height, 2 * multiple), max(latent_width, 2 * multiple))
    image = torch.zeros(2, 3, *(side * sizes.pixels_per_latent for side in latent.shape[2:]))
    prompt_embeds = {
        f"prompt_embeds_{stage}": torch.zeros(2, window, 2 * width) for stage in range(stages)
    }
    return [
        Graph(
            name="text_encoder",
            module=TextEncoder(base_model.text_encoder).eval(),
            inputs={"embeddings": torch.zeros(2, window, width)},
            output="features",
            output_shape=(window, width),
        ),
        Graph(
            name="unet",
            module=StagedUNet(base_model.unet).eval(),
            inputs={"sample": latent, "timestep": torch.zeros(2), **prompt_embeds},
            output="noise_pred",
            output_shape=(channels, -1, -1),
            multiple=multiple,
        ),
        Graph(
            name="vae_decoder",
            module=VaeDecoder(base_model.vae).eval(),
            inputs={"latents": latent},
            output="image",
            output_shape=(3, -1, -1),
            multiple=multiple,
        ),
        Graph(
            name="vae_encoder",
            module=VaeEncoder(base_model.vae, base_model.scaling_factor).eval(),
            inputs={"image": image},
            output="latents",
            output_shape=(channels, -1, -1),
            multiple=sizes.multiple,
        ),
    ]
