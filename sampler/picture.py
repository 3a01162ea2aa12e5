"""One picture on its way from noise to latents, with a scheduler of its own."""

from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from diffusers import DDIMScheduler

from sampler.conditioning import Conditioning, Features
from sampler.request import SamplingRequest


def new_scheduler(config: dict[str, Any]) -> Any:
    """DDIM, as diffusers has it, with the noise schedule of any diffusers scheduler config."""
    return DDIMScheduler.from_config(config)  # type: ignore[no-untyped-call]


class Picture:
    """One picture of a request.

    Args:
        request: what to draw.
        index: which of the request's pictures this is.
        conditioning: the request's text features.
        scheduler_config: the base model's scheduler config, as diffusers writes it.
        latent_shape: ``(C, h, w)``.
    """

    def __init__(
        self,
        request: SamplingRequest,
        index: int,
        conditioning: Conditioning,
        scheduler_config: dict[str, Any],
        latent_shape: tuple[int, int, int],
    ) -> None:
        self.index = index
        self.steps_done = 0
        self._guidance_scale = request.guidance_scale
        # The unconditional row comes first, as in diffusers' pipeline.
        self.features: tuple[Features, ...] = (
            (conditioning.prompt,)
            if conditioning.negative is None
            else (conditioning.negative, conditioning.prompt)
        )
        self._scheduler = new_scheduler(scheduler_config)
        self._scheduler.set_timesteps(request.steps)
        # The same draw as diffusers' pipeline given Generator("cpu").manual_seed(seed).
        generator = torch.Generator("cpu").manual_seed(request.seeds[index])
        noise = torch.randn((1, *latent_shape), generator=generator)
        self._latents = noise * self._scheduler.init_noise_sigma

    @property
    def rows(self) -> int:
        """Rows it takes in a batch of the U-Net, the unconditional one included."""
        return len(self.features)

    @property
    def finished(self) -> bool:
        """Whether all steps are done."""
        return self.steps_done == len(self._scheduler.timesteps)

    @property
    def timestep(self) -> float:
        """The timestep of the next step."""
        return float(self._scheduler.timesteps[self.steps_done])

    @property
    def latents(self) -> npt.NDArray[np.float32]:
        """``[C, h, w]``."""
        return np.asarray(self._latents[0].numpy())

    @property
    def sample(self) -> npt.NDArray[np.float32]:
        """``[C, h, w]``: the U-Net's input of the next step."""
        timestep = self._scheduler.timesteps[self.steps_done]
        scaled = self._scheduler.scale_model_input(self._latents, timestep)
        return np.asarray(scaled[0].numpy())

    def advance(self, noise: npt.NDArray[np.float32]) -> None:
        """Takes one step. ``noise``: ``[rows, C, h, w]``, the U-Net's answer for its rows."""
        rows = torch.from_numpy(noise)
        guided = rows[-1:]
        if self.rows == 2:
            guided = rows[:1] + self._guidance_scale * (rows[1:] - rows[:1])
        timestep = self._scheduler.timesteps[self.steps_done]
        self._latents = self._scheduler.step(guided, timestep, self._latents, return_dict=False)[0]
        self.steps_done += 1
