"""Trains the AutoencoderKL: pictures of 64 x 64 pixels <-> latents [4, 16, 16]."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from diffusers import AutoencoderKL

from faceworld.canvas import Pixels
from faceworld.dataset import load_pictures
from faceworld.pixels import to_model_range, to_pictures
from faceworld.renderer import SIZE
from faceworld.settings import Settings, VaeSettings
from faceworld.training import Phase, set_rate
from faceworld.warm_start import load_vae_weights


def build_vae(settings: VaeSettings) -> Any:
    """An untrained autoencoder of ours, in Stable Diffusion's shape but much smaller."""
    levels = len(settings.channels)
    return AutoencoderKL(  # type: ignore[no-untyped-call]
        down_block_types=("DownEncoderBlock2D",) * levels,
        up_block_types=("UpDecoderBlock2D",) * levels,
        block_out_channels=settings.channels,
        layers_per_block=1,
        latent_channels=4,
        norm_num_groups=8,
        sample_size=SIZE,
        mid_block_add_attention=False,
    )


def draw_crops(pictures: Pixels, count: int, side: int) -> torch.Tensor:
    """`count` random squares of random pictures [M, SIZE, SIZE, 3], ready for the model."""
    crops = []
    for index in torch.randint(len(pictures), (count,)).tolist():
        top, left = torch.randint(SIZE - side + 1, (2,)).tolist()
        crops.append(pictures[index, top : top + side, left : left + side])
    return to_model_range(np.stack(crops))


def reconstruction_loss(
    drawn: torch.Tensor, truth: torch.Tensor, gradient_weight: float
) -> torch.Tensor:
    """L1 + 2 MSE + L1 of differences between neighbouring pixels (keeps edges sharp)."""
    error = drawn - truth
    across = (error[..., :, 1:] - error[..., :, :-1]).abs().mean()
    down = (error[..., 1:, :] - error[..., :-1, :]).abs().mean()
    return error.abs().mean() + 2 * error.square().mean() + gradient_weight * (across + down)


def measure_psnr(vae: Any, pictures: Pixels) -> float:
    """Decibels, peak 255, of encoding to the posterior's mode and decoding [N, S, S, 3]."""
    with torch.no_grad():
        decoded = vae.decode(vae.encode(to_model_range(pictures)).latent_dist.mode()).sample
    error = (to_pictures(decoded).astype(np.float32) - pictures) / 255
    return float(-10 * np.log10(np.square(error).mean()))


def _latent_scale(vae: Any, pictures: Pixels) -> float:
    """The factor that gives latents unit standard deviation."""
    with torch.no_grad():
        latents = vae.encode(to_model_range(pictures)).latent_dist.mode()
    return float(1 / latents.std())


def vae_path(settings: Settings) -> Path:
    """Where the trained autoencoder lies."""
    return settings.work / "vae"


def load_vae(settings: Settings) -> Any:
    """The trained AutoencoderKL, frozen."""
    vae: Any = AutoencoderKL.from_pretrained(vae_path(settings))  # type: ignore[no-untyped-call]
    return vae.requires_grad_(False).eval()


def train(settings: Settings) -> None:
    """Crops first, whole pictures at the end."""
    if vae_path(settings).exists():
        return
    torch.manual_seed(0)
    ours = settings.vae
    pictures = load_pictures(settings).reshape(-1, SIZE, SIZE, 3)
    vae, peak = build_vae(ours).to(memory_format=torch.channels_last), ours.learning_rate
    if settings.start is not None:
        load_vae_weights(vae, settings.start)
        peak = ours.resumed_learning_rate
    optimizer = torch.optim.AdamW(vae.parameters(), peak, weight_decay=1e-4)
    steps = ours.crop_steps + ours.full_steps
    phase = Phase("vae", settings, {"model": vae, "optimizer": optimizer}, steps)
    phase.resume()
    probe = np.array(pictures[:: len(pictures) // 64][:64])
    for step in phase:
        done = phase.fraction
        if done < ours.crop_steps / steps:
            batch = draw_crops(pictures, ours.crop_batch, ours.crop)
        else:
            batch = draw_crops(pictures, ours.full_batch, SIZE)
        batch = batch.contiguous(memory_format=torch.channels_last)
        set_rate(optimizer, peak, step, done)
        posterior = vae.encode(batch).latent_dist
        drawn = vae.decode(posterior.sample()).sample
        loss = reconstruction_loss(drawn, batch, ours.gradient_weight)
        loss = loss + ours.kl_weight * posterior.kl().mean()
        optimizer.zero_grad(set_to_none=True)
        torch.autograd.backward(loss)
        torch.nn.utils.clip_grad_norm_(vae.parameters(), 1.0)
        optimizer.step()
        if step % 500 == 0:
            phase.log(loss=loss.item(), psnr=measure_psnr(vae, probe))
    vae.register_to_config(scaling_factor=_latent_scale(vae, probe))
    vae.save_pretrained(vae_path(settings))
