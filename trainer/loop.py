"""The optimisation: learners side by side, each with its own draws, in one U-Net batch."""

from collections.abc import Sequence

import torch
from torch import Tensor

from basemodel import BaseModel, prompt_embeddings, stage_index
from trainer.attention_loss import AttentionLoss
from trainer.config import TrainingConfig
from trainer.learner import Learner, Rows, StepLosses
from trainer.losses import masked_mean_square, norm_penalty, timestep_weight
from trainer.prompts import TrainingPrompts, training_prompts
from trainer.views import Views


class Training:
    """Learns any number of identities together.

    An identity's result does not depend on the others in the batch, but for rounding: its loss is
    the mean over its own rows, and all that it is learned by is its :class:`Learner`'s own.

    Args:
        base: the frozen model.
        config: settings of all.
    """

    def __init__(self, base: BaseModel, config: TrainingConfig) -> None:
        self.base, self.config = base, config
        self.learners: list[Learner] = []
        self._nouns: list[str] = []
        self._prompts: TrainingPrompts
        self._attention_loss: AttentionLoss

    @classmethod
    def of(
        cls,
        base: BaseModel,
        config: TrainingConfig,
        class_noun: str,
        views: Sequence[Views],
        seeds: Sequence[int],
    ) -> "Training":
        """Identities of one class noun that start together. Raises :class:`InputError`."""
        training = cls(base, config)
        for each, seed in zip(views, seeds, strict=True):
            training.join(Learner(base, config, class_noun, each, seed))
        return training

    @property
    def done(self) -> bool:
        """Whether all learners are."""
        return all(learner.done for learner in self.learners)

    def join(self, learner: Learner) -> None:
        """From the next step on, the learner has rows of its own in the batch.

        Raises:
            InputError: prompts or attention layers that the base model can't take; the learners
                that were there stay as they are.
        """
        self._know([*self.learners, learner])
        self.learners.append(learner)

    def leave(self, learner: Learner) -> None:
        """The learner is in no further step."""
        self.learners.remove(learner)
        self._know(self.learners)

    def take_step(self) -> list[StepLosses]:
        """One Adam step of Eq. 6, ``L = L_diff + lambda L_attn``, of all that are not done.

        Returns:
            Each learner's losses; of one that is done, those of its last step.
        """
        learners = [learner for learner in self.learners if not learner.done]
        for learner in learners:
            learner.prepare()
        tokens = torch.stack([learner.tokens() for learner in learners])
        denoising, attention = self._losses(self._draw(learners), tokens)
        per_row = denoising + self.config.attention_weight * attention
        totals = per_row.view(len(learners), -1).mean(dim=1)
        if self.config.norm_weight:
            norms = [learner.tokens.initial_norm for learner in learners]
            penalty = norm_penalty(tokens, torch.tensor(norms, device=self.base.device))
            totals = totals + self.config.norm_weight * penalty
        torch.autograd.backward(totals.sum())
        parts = [part.detach().view(len(learners), -1).mean(1) for part in (denoising, attention)]
        losses = torch.stack([totals.detach(), *parts], dim=1).tolist()
        for learner, own in zip(learners, losses, strict=True):
            learner.update(StepLosses(*own))
        return [learner.losses for learner in self.learners]

    def result(self) -> Tensor:
        """The identities, ``[N, S, 2, D]`` float32."""
        return torch.stack([learner.result() for learner in self.learners])

    def _know(self, learners: Sequence[Learner]) -> None:
        """Prepares what the class nouns of these learners have in common."""
        nouns = list(dict.fromkeys(learner.class_noun for learner in learners))
        if nouns and nouns != self._nouns:
            prompts = training_prompts(self.base, self.config, nouns)
            self._attention_loss = AttentionLoss(self.base, prompts, self.config)
            self._prompts, self._nouns = prompts, nouns

    def _draw(self, learners: Sequence[Learner]) -> Rows:
        """The same number of rows for each learner."""
        prompts = len(self.config.prompts)
        drawn = [
            learner.draw(prompts, first=prompts * self._nouns.index(learner.class_noun))
            for learner in learners
        ]
        return Rows(
            *(
                torch.cat(parts).to(self.base.device)
                for parts in zip(*(vars(rows).values() for rows in drawn), strict=True)
            )
        )

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
            with self._attention_loss as loss:
                loss.begin(rows.prompt)
                predicted = self.base.unet(noised.to(dtype), rows.timestep, conditioning).sample
                attention = loss.per_row()
        weight = timestep_weight(schedule, rows.timestep, self.config.loss_weight)
        return weight * masked_mean_square(predicted - target, rows.mask), attention

    def _conditioning(self, rows: Rows, tokens: Tensor) -> Tensor:
        """``[B, L, 2D]``: the text transformer runs once for rows that have all in common."""
        stages = stage_index(rows.timestep, self.config.stages)
        identities = torch.arange(len(tokens), device=self.base.device)
        identity_of_row = identities.repeat_interleave(self.config.batch)
        kinds = torch.stack([identity_of_row, rows.prompt, stages], dim=1)
        distinct, kind_of_row = torch.unique(kinds, dim=0, return_inverse=True)
        identity, prompt, stage = distinct.unbind(dim=1)
        conditioning = prompt_embeddings(
            self.base.text_encoder,
            self._prompts.words[prompt],
            self._prompts.positions[prompt],
            tokens[identity, stage],
        )
        return conditioning[kind_of_row]
