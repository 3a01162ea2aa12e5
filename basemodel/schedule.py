"""The forward process: how much of a latent is left at a timestep (DDPM, 2006.11239)."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from torch import Tensor

from basemodel.configs import SCHEDULER, BaseModelError


@dataclass(frozen=True)
class NoiseSchedule:
    """``z_t = sqrt(abar_t) z_0 + sqrt(1 - abar_t) eps``.

    Attributes:
        alphas_cumprod: ``[1000]`` float32, ``abar_t``.
        prediction: what the U-Net predicts: the noise (SD 1.x) or the velocity (SD 2.x).
    """

    alphas_cumprod: Tensor
    prediction: Literal["epsilon", "v_prediction"]

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> "NoiseSchedule":
        """From a scheduler config that :func:`basemodel.configs.check_configs` let pass.

        Raises:
            BaseModelError: its numbers make no schedule.
        """
        from diffusers import DDPMScheduler

        try:
            scheduler: Any = DDPMScheduler.from_config(config)  # type: ignore[no-untyped-call]
        except (RuntimeError, TypeError, ValueError) as error:
            raise BaseModelError(f"{SCHEDULER} gives no schedule: {error}") from error
        return cls(scheduler.alphas_cumprod, scheduler.config.prediction_type)

    def signal_and_noise(self, timesteps: Tensor) -> tuple[Tensor, Tensor]:
        """``sqrt(abar_t)`` and ``sqrt(1 - abar_t)`` of timesteps ``[B]``, each ``[B, 1, 1, 1]``."""
        alpha = self.alphas_cumprod.to(timesteps.device)[timesteps].view(-1, 1, 1, 1)
        return alpha.sqrt(), (1 - alpha).sqrt()

    def add_noise(self, latents: Tensor, noise: Tensor, timesteps: Tensor) -> Tensor:
        """``z_t`` of latents ``[B, C, h, w]`` at timesteps ``[B]``."""
        signal, sigma = self.signal_and_noise(timesteps)
        return signal * latents + sigma * noise

    def target(self, latents: Tensor, noise: Tensor, timesteps: Tensor) -> Tensor:
        """What the U-Net should predict, ``[B, C, h, w]``."""
        if self.prediction == "epsilon":
            return noise
        signal, sigma = self.signal_and_noise(timesteps)
        return signal * noise - sigma * latents
