"""The optimisation: N identities side by side, each with its own draws, in one U-Net batch."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from basemodel import BaseModel, prompt_embeddings, stage_index
from trainer.attention_loss import AttentionLoss
from trainer.config import TrainingConfig
from trainer.losses import masked_mean_square, norm_penalty, timestep_weight
from trainer.prompts import training_prompts
from trainer.timesteps import draw_timesteps
from trainer.tokens import IdentityTokens, initial_embedding
from trainer.views import Views


@dataclass(frozen=True)
class StepLosses:
    """Losses of one step.

    Attributes:
        total: what Adam lowers, averaged over the identities.
        denoising, attention: its parts, averaged over all rows.
        identities: each identity's total.
    """

    total: float
    denoising: float
    attention: float
    identities: tuple[float, ...]


@dataclass(frozen=True)
class Rows:
    """What the rows of one step are drawn to be, each field ``[B, ...]``."""

    identity: Tensor
    prompt: Tensor
    timestep: Tensor
    latent: Tensor
    mask: Tensor
    noise: Tensor


class Training:
    """Learns N identities of one class noun.

    An identity's result does not depend on the others in the batch, but for rounding: its loss is
    the mean over its own rows, its random draws come from a generator of its own, and Adam treats
    every element alone.

    Args:
        base: the frozen model.
        config: settings.
        class_noun: what all of them are.
        views: of each identity.
        seeds: of each identity.

    Raises:
        InputError: the class noun, or settings that the base model can't take.
    """

    def __init__(
        self,
        base: BaseModel,
        config: TrainingConfig,
        class_noun: str,
        views: Sequence[Views],
        seeds: Sequence[int],
    ) -> None:
        self.base, self.config, self.views = base, config, list(views)
        self.prompts = training_prompts(base, config, class_noun)
        initial = initial_embedding(base, class_noun, config.initialisation)
        self.tokens = IdentityTokens(initial, list(seeds), config).to(base.device)
        self.generators = [torch.Generator().manual_seed(seed) for seed in seeds]
        self.attention_loss = AttentionLoss(base, self.prompts, config)
        self.optimizer = torch.optim.Adam(
            [
                {"params": [self.tokens.word], "peak": config.learning_rate},
                {"params": _offsets(self.tokens), "peak": config.offset_learning_rate},
            ]
        )
        self.step = 0
        self.average = torch.zeros(0, device=base.device)
        self.averaged = 0

    @property
    def done(self) -> bool:
        """Whether all steps are taken."""
        return self.step >= self.config.steps

    def take_step(self) -> StepLosses:
        """One Adam step of Eq. 6, ``L = L_diff + lambda L_attn``."""
        fraction = self.step / self.config.steps
        for group in self.optimizer.param_groups:
            group["lr"] = group["peak"] * (1 - fraction if self.config.decay else 1)
        tokens = self.tokens()
        denoising, attention = self._losses(self._draw(), tokens)
        per_row = denoising + self.config.attention_weight * attention
        totals = per_row.view(len(self.views), -1).mean(dim=1)
        if self.config.norm_weight:
            penalty = norm_penalty(tokens, self.tokens.initial_norm)
            totals = totals + self.config.norm_weight * penalty
        self.optimizer.zero_grad()
        torch.autograd.backward(totals.sum())
        self.optimizer.step()
        self.step += 1
        if self.step > self.config.average_from * self.config.steps:
            self._average()
        return StepLosses(
            total=totals.mean().item(),
            denoising=denoising.mean().item(),
            attention=attention.mean().item(),
            identities=tuple(totals.tolist()),
        )

    def result(self) -> Tensor:
        """The identities, ``[N, S, 2, D]`` float32: the average of the last iterates."""
        with torch.no_grad():
            tokens = self.average if self.averaged else self.tokens()
        return tokens.float().expand(-1, -1, 2, -1).cpu()

    def state(self) -> dict[str, Any]:
        """Everything that the rest of the training depends on; readable by weights-only load."""
        return {
            "step": self.step,
            "tokens": self.tokens.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "generators": [generator.get_state() for generator in self.generators],
            "average": self.average,
            "averaged": self.averaged,
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Goes on from :meth:`state`, bit for bit."""
        self.tokens.load_state_dict(state["tokens"])
        self.optimizer.load_state_dict(state["optimizer"])
        for generator, saved in zip(self.generators, state["generators"], strict=True):
            generator.set_state(saved)
        self.step, self.averaged = state["step"], state["averaged"]
        self.average = state["average"].to(self.base.device)

    def _average(self) -> None:
        with torch.no_grad():
            tokens = self.tokens()
        self.averaged += 1
        if self.averaged == 1:
            self.average = tokens
        else:
            self.average = self.average + (tokens - self.average) / self.averaged

    def _draw(self) -> Rows:
        """The same number of rows for each identity, from its own generator."""
        batch, device = self.config.batch, self.base.device
        parts = []
        for views, generator in zip(self.views, self.generators, strict=True):
            view = torch.randint(len(views.latents), (batch,), generator=generator)
            prompt = torch.randint(len(self.prompts.words), (batch,), generator=generator)
            timestep = draw_timesteps(self.config, self.step, generator)
            noise = torch.randn(batch, *views.latents.shape[1:], generator=generator)
            parts.append((prompt, timestep, views.latents[view], views.masks[view], noise))
        drawn = (torch.cat(part).to(device) for part in zip(*parts, strict=True))
        identity = torch.arange(len(self.views), device=device).repeat_interleave(batch)
        return Rows(identity, *drawn)

    def _losses(self, rows: Rows, tokens: Tensor) -> tuple[Tensor, Tensor]:
        """Denoising and attention loss, each ``[B]``."""
        schedule, dtype = self.base.schedule, self.base.dtype
        noised = schedule.add_noise(rows.latent, rows.noise, rows.timestep)
        target = schedule.target(rows.latent, rows.noise, rows.timestep)
        conditioning = self._conditioning(rows, tokens)
        if self.config.attention_loss == "none":
            predicted = self.base.unet(noised.to(dtype), rows.timestep, conditioning).sample
            attention = torch.zeros(len(rows.timestep), device=self.base.device)
        else:
            with self.attention_loss as loss:
                loss.begin(rows.prompt)
                predicted = self.base.unet(noised.to(dtype), rows.timestep, conditioning).sample
                attention = loss.per_row()
        weight = timestep_weight(schedule, rows.timestep, self.config.loss_weight)
        return weight * masked_mean_square(predicted - target, rows.mask), attention

    def _conditioning(self, rows: Rows, tokens: Tensor) -> Tensor:
        """``[B, L, 2D]``: the text transformer runs once for rows that have all in common."""
        stages = stage_index(rows.timestep, self.config.stages)
        kinds = torch.stack([rows.identity, rows.prompt, stages], dim=1)
        distinct, kind_of_row = torch.unique(kinds, dim=0, return_inverse=True)
        identity, prompt, stage = distinct.unbind(dim=1)
        conditioning = prompt_embeddings(
            self.base.text_encoder,
            self.prompts.words[prompt],
            self.prompts.positions[prompt],
            tokens[identity, stage],
        )
        return conditioning[kind_of_row]


def _offsets(tokens: IdentityTokens) -> list[torch.nn.Parameter]:
    return [
        parameter for name, parameter in tokens.named_parameters() if name.startswith("offsets")
    ]
