"""One picture on its way from noise to latents, with a scheduler of its own."""

from itertools import accumulate
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from sampler.conditioning import Conditioning, Features
from sampler.preview import predicted_original
from sampler.request import SamplingRequest
from sampler.schedulers import Schedulers

Latents = npt.NDArray[np.float32]


class Picture:
    """One picture of a request.

    Args:
        request: what to draw.
        index: which of the request's pictures this is.
        rank: its place among the pictures of its tenant; lower goes first.
        conditioning: the request's text features.
        schedulers: makes the picture's own one.
        latent_shape: ``(C, h, w)``.
        start: ``[C, h, w]`` latents of the picture to start from, or None to start from noise.
    """

    def __init__(
        self,
        request: SamplingRequest,
        index: int,
        rank: int,
        conditioning: Conditioning,
        schedulers: Schedulers,
        latent_shape: tuple[int, int, int],
        start: Latents | None,
    ) -> None:
        self.index, self.rank, self.shape = index, rank, latent_shape
        self.tenant, self.priority = request.tenant, request.priority
        self.steps_done = 0
        self._request = request
        self._conditioning = conditioning
        self._scheduler = schedulers(request.scheduler, request.steps)
        skipped = request.steps - request.steps_taken
        self._timesteps = self._scheduler.timesteps[skipped:]
        # Looked at often, so they are reckoned once.
        self._times = [float(timestep) for timestep in self._timesteps]
        self._rows = [1 + request.guided_at(timestep) for timestep in self._times]
        self._rows_left = list(accumulate(reversed(self._rows), initial=0))[::-1]
        # The same draws as diffusers' pipelines given Generator("cpu").manual_seed(seed): the
        # picture's own, so that they don't depend on who else is being drawn.
        self._generator = torch.Generator("cpu").manual_seed(request.seeds[index])
        noise = torch.randn((1, *latent_shape), generator=self._generator)
        if start is None:
            self._latents = noise * self._scheduler.init_noise_sigma
        else:
            if hasattr(self._scheduler, "set_begin_index"):  # DDIM goes by the timestep alone
                self._scheduler.set_begin_index(skipped)
            self._latents = self._scheduler.add_noise(
                torch.from_numpy(start)[None], noise, self._timesteps[:1]
            )
        self._step_options: dict[str, Any] = {"return_dict": False}
        if request.scheduler != "unipc":  # which draws no noise and takes no generator
            self._step_options["generator"] = self._generator

    @property
    def features(self) -> tuple[Features, ...]:
        """What its rows of the next step attend to: the unconditional one first, as in
        diffusers' pipeline."""
        negative = self._conditioning.negative
        if negative is None or self.rows == 1:
            return (self._conditioning.prompt,)
        return (negative, self._conditioning.prompt)

    @property
    def rows(self) -> int:
        """Rows it takes in the next step's batch, the unconditional one included."""
        return self._rows[self.steps_done]

    @property
    def rows_left(self) -> int:
        """Rows it takes in all steps still to be done."""
        return self._rows_left[self.steps_done]

    @property
    def steps_left(self) -> int:
        """Steps still to be done."""
        return len(self._times) - self.steps_done

    @property
    def timestep(self) -> float:
        """The timestep of the next step."""
        return self._times[self.steps_done]

    @property
    def latents(self) -> Latents:
        """``[C, h, w]``."""
        return np.asarray(self._latents[0].numpy())

    @property
    def sample(self) -> Latents:
        """``[C, h, w]``: the U-Net's input of the next step."""
        timestep = self._timesteps[self.steps_done]
        scaled = self._scheduler.scale_model_input(self._latents, timestep)
        return np.asarray(scaled[0].numpy())

    @torch.inference_mode()
    def advance(self, answer: Latents) -> Latents | None:
        """Takes one step.

        Args:
            answer: ``[rows, C, h, w]``, the U-Net's answer for its rows.

        Returns:
            ``[C, h, w]``, what the finished latents will be like, if a preview is due.
        """
        guided = answer[-1]
        if len(answer) == 2:
            guided = answer[0] + np.float32(self._request.guidance_scale) * (answer[1] - answer[0])
        original = self._original_latents(guided) if self._preview_due() else None
        timestep, output = self._timesteps[self.steps_done], torch.from_numpy(guided)[None]
        stepped = self._scheduler.step(output, timestep, self._latents, **self._step_options)
        self._latents = stepped[0]
        self.steps_done += 1
        return original

    def _preview_due(self) -> bool:
        every = self._request.preview_every
        return every > 0 and self.steps_left > 1 and (self.steps_done + 1) % every == 0

    def _original_latents(self, guided: Latents) -> Latents:
        alphas = self._scheduler.alphas_cumprod.numpy()
        alpha_bar = float(np.interp(self.timestep, np.arange(len(alphas)), alphas))
        prediction_type = self._scheduler.config.prediction_type
        return predicted_original(self.sample, guided, alpha_bar, prediction_type)
