"""What a picture under way will look like, cheaply: no decoder, one small matrix."""

import numpy as np
import numpy.typing as npt

from sampler.vae import Pixels

Latents = npt.NDArray[np.float32]


def predicted_original(
    sample: Latents, output: Latents, alpha_bar: float, prediction_type: str
) -> Latents:
    """The clean latents that a U-Net's answer implies (DDIM, eq. 12's "predicted x0").

    Args:
        sample: ``[C, h, w]``, the U-Net's input, of variance-preserving scale.
        output: ``[C, h, w]``, the U-Net's answer.
        alpha_bar: share of the signal's variance at the timestep.
        prediction_type: what the answer is, as diffusers names it.
    """
    signal, noise = np.float32(alpha_bar**0.5), np.float32((1 - alpha_bar) ** 0.5)
    if prediction_type == "sample":
        return output
    if prediction_type == "v_prediction":
        return signal * sample - noise * output
    return (sample - noise * output) / signal


def to_preview(latents: Latents, latent_rgb: npt.NDArray[np.float32]) -> Pixels:
    """``[C, h, w]`` latents to ``[h, w, 3]`` pixels, one for each latent.

    ``latent_rgb``: ``[C + 1, 3]``, the base model's fitted projection to RGB in [0, 1]; its last
    row is the bias.
    """
    rgb = latents.transpose(1, 2, 0) @ latent_rgb[:-1] + latent_rgb[-1]
    pixels: Pixels = (np.clip(rgb, 0, 1) * 255).round().astype(np.uint8)
    return pixels
