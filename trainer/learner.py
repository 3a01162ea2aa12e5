"""One identity on its way from an initial word to its vectors, whatever learns beside it."""

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from basemodel import BaseModel
from trainer.config import TrainingConfig
from trainer.plateau import Plateau
from trainer.timesteps import draw_timesteps
from trainer.tokens import IdentityTokens, initial_embedding
from trainer.views import Views


@dataclass(frozen=True)
class StepLosses:
    """An identity's losses in one step, means over its rows; all 0 before the first.

    Attributes:
        total: what Adam lowers.
        denoising, attention: its parts.
    """

    total: float
    denoising: float
    attention: float


@dataclass(frozen=True)
class Rows:
    """What the rows of one step are drawn to be, each field ``[B, ...]``."""

    prompt: Tensor
    timestep: Tensor
    latent: Tensor
    mask: Tensor
    noise: Tensor


class Learner:
    """The trained inputs of one identity, with an optimiser, draws and a step of its own.

    Nothing here is shared with other learners, so that it may join and leave a batch at any step.

    Args:
        base: the frozen model.
        config: settings.
        class_noun: what the identity is.
        views: of its images.
        seed: of its draws.

    Raises:
        InputError: the class noun, or settings that the base model can't take.
    """

    def __init__(
        self, base: BaseModel, config: TrainingConfig, class_noun: str, views: Views, seed: int
    ) -> None:
        self.config, self.class_noun, self.views = config, class_noun, views
        initial = initial_embedding(base, class_noun, config.initialisation)
        self.tokens = IdentityTokens(initial, seed, config).to(base.device)
        self.generator = torch.Generator().manual_seed(seed)
        self.optimizer = torch.optim.Adam(
            [
                {"params": [self.tokens.word], "peak": config.learning_rate},
                {"params": self.tokens.offset_parameters(), "peak": config.offset_learning_rate},
            ]
        )
        self.step = 0
        self.losses = StepLosses(0.0, 0.0, 0.0)
        self.average = torch.zeros(0, device=base.device)
        self.averaged = 0
        self.plateau = Plateau(config.plateau)

    @property
    def done(self) -> bool:
        """Whether all steps are taken, or more would gain nothing."""
        return self.step >= self.config.steps or self.plateau.reached

    def draw(self, prompts: int, first: int) -> Rows:
        """The rows of its next step; its prompts have the numbers from ``first`` on."""
        batch, generator, views = self.config.batch, self.generator, self.views
        view = torch.randint(len(views.latents), (batch,), generator=generator)
        prompt = first + torch.randint(prompts, (batch,), generator=generator)
        timestep = draw_timesteps(self.config, self.step, generator)
        noise = torch.randn(batch, *views.latents.shape[1:], generator=generator)
        return Rows(prompt, timestep, views.latents[view], views.masks[view], noise)

    def prepare(self) -> None:
        """Before a step's gradients."""
        self.optimizer.zero_grad()
        fraction = self.step / self.config.steps
        for group in self.optimizer.param_groups:
            group["lr"] = group["peak"] * (1 - fraction if self.config.decay else 1)

    def update(self, losses: StepLosses) -> None:
        """One Adam step along the gradients of these losses."""
        self.optimizer.step()
        self.step += 1
        self.losses = losses
        if self.step > self.config.average_from * self.config.steps:
            self._average()
        self.plateau.look(losses.total, self._vectors)

    def result(self) -> Tensor:
        """The identity ``[S, 2, D]`` float32: the average of the last iterates."""
        vectors = self.plateau.best if self.plateau.reached else self._vectors()
        assert vectors is not None  # a plateau comes after a best
        return vectors.float().expand(-1, 2, -1).cpu()

    def state(self) -> dict[str, Any]:
        """Everything that the rest of its training depends on; readable by weights-only load."""
        return {
            "step": self.step,
            "tokens": self.tokens.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "generator": self.generator.get_state(),
            "average": self.average,
            "averaged": self.averaged,
            "plateau": vars(self.plateau),
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Goes on from :meth:`state`, bit for bit."""
        self.tokens.load_state_dict(state["tokens"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.generator.set_state(state["generator"].cpu())
        self.step, self.averaged = state["step"], state["averaged"]
        self.average = state["average"].to(self.average.device)
        vars(self.plateau).update(state["plateau"])

    def _average(self) -> None:
        with torch.no_grad():
            tokens = self.tokens()
        self.averaged += 1
        if self.averaged == 1:
            self.average = tokens
        else:
            self.average = self.average + (tokens - self.average) / self.averaged

    def _vectors(self) -> Tensor:
        """The vectors as they stand, ``[S, K, D]``."""
        with torch.no_grad():
            return self.average if self.averaged else self.tokens()
