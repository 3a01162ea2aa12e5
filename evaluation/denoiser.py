"""The frozen U-Net as one function: by OpenVINO on the CPU where it is installed, else PyTorch."""

import warnings
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from basemodel import BaseModel
from basemodel.drawing import Denoiser, torch_denoiser


def denoiser(base: BaseModel, unet: Path | None, threads: int) -> Denoiser:
    """The U-Net in OpenVINO's file, else the base model's own by PyTorch."""
    return torch_denoiser(base) if unet is None else openvino_denoiser(unet, threads)


def openvino_serves(base: BaseModel) -> bool:
    """Whether OpenVINO is installed and the base model lies on the CPU."""
    return base.device.type == "cpu" and find_spec("openvino") is not None


def write_openvino(base: BaseModel, folder: Path) -> Path:
    """Converts the U-Net in float32; returns the file, which is kept if it is there."""
    import openvino

    path = folder / "unet.xml"
    if path.exists():
        return path
    channels, height, width = base.latent_shape
    rows = 2  # an example; any number may follow
    example = (
        torch.zeros(rows, channels, height, width),
        torch.zeros(rows),
        torch.zeros(rows, base.text_window, 2 * base.token_width),
    )
    partial = folder.with_name(f"{folder.name}.partial")
    with warnings.catch_warnings():
        # What tracing holds for constant is the same for every batch: channels and sizes.
        warnings.simplefilter("ignore")
        model = openvino.convert_model(_Positional(base.unet), example_input=example)
    openvino.save_model(model, partial / path.name, compress_to_fp16=False)
    partial.replace(folder)
    return path


def openvino_denoiser(path: Path, threads: int) -> Denoiser:
    """What :func:`write_openvino` wrote, on so many threads."""
    import openvino

    compiled: Any = openvino.Core().compile_model(
        path,
        "CPU",
        {
            "INFERENCE_PRECISION_HINT": "f32",
            "PERFORMANCE_HINT": "LATENCY",
            "INFERENCE_NUM_THREADS": threads,
            "ENABLE_CPU_PINNING": False,  # or all workers share the first core
        },
    )

    def denoise(latents: Tensor, timestep: int, conditioning: Tensor) -> Tensor:
        timesteps = torch.full((len(latents),), float(timestep))
        inputs = [part.numpy() for part in (latents, timesteps, conditioning)]
        return torch.from_numpy(compiled(inputs, share_inputs=True)[0])

    return denoise


class _Positional(nn.Module):
    def __init__(self, unet: nn.Module) -> None:
        super().__init__()
        self.unet = unet

    def forward(self, latents: Tensor, timesteps: Tensor, conditioning: Tensor) -> Tensor:
        predicted: Tensor = self.unet(latents, timesteps, conditioning, return_dict=False)[0]
        return predicted
