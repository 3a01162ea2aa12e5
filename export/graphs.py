"""The graphs that are exported, as modules with named tensors: the engines' whole interface.

Everything that differs between requests is a row of an input, so one graph serves them all.
"""

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from basemodel import BaseModel, select_stage, text_features


@dataclass(frozen=True)
class Graph:
    """A graph and its interface.

    Attributes:
        name: name of the model in Triton.
        module: takes the inputs in order and returns one tensor.
        inputs: an example of each input; the first axis is the batch, of any size.
        output: name of the output.
        output_shape: its shape without the batch.
    """

    name: str
    module: nn.Module
    inputs: dict[str, Tensor]
    output: str
    output_shape: tuple[int, ...]


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
        self.unet = unet

    def forward(self, sample: Tensor, timestep: Tensor, *prompt_embeds: Tensor) -> Tensor:
        """Noise ``[B, 4, h, w]`` of latents ``[B, 4, h, w]`` at timesteps ``[B]``.

        ``prompt_embeds``: for each stage ``[B, L, 2D]``, key and value features side by side.
        """
        conditioning = select_stage(prompt_embeds, timestep)
        predicted: Tensor = self.unet(sample, timestep, conditioning, return_dict=False)[0]
        return predicted


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
    """Text encoder, U-Net and VAE decoder of a base model."""
    window, width = base_model.text_window, base_model.token_width
    latents = torch.zeros(2, *base_model.latent_shape)
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
            inputs={"sample": latents, "timestep": torch.zeros(2), **prompt_embeds},
            output="noise_pred",
            output_shape=base_model.latent_shape,
        ),
        Graph(
            name="vae_decoder",
            module=VaeDecoder(base_model.vae).eval(),
            inputs={"latents": latents},
            output="image",
            output_shape=(3, *base_model.image_size),
        ),
    ]
