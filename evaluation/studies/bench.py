"""What every study works with, and how it learns and draws."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from basemodel import BaseModel, load, token_embeddings
from basemodel.drawing import Denoiser, Pictures, draw, identity_conditioning
from evaluation.denoiser import denoiser, openvino_serves, write_openvino
from evaluation.judges import Floats, Judge
from evaluation.learning import learn
from evaluation.methods import METHODS
from evaluation.people import People
from evaluation.seeds import seed_of
from evaluation.settings import Folder, Settings
from evaluation.workers import TOGETHER, device
from trainer.config import TrainingConfig
from trainer.tokens import class_noun_token

Advance = Callable[[int, int], None]
"""Told how much of how much is done."""


@dataclass(frozen=True)
class Bench:
    """Model, judge and people of an evaluation, and its folder.

    Attributes:
        methods: training configs by name, as in :data:`evaluation.methods.METHODS`.
        numbers: the people who are studied.
        seeds: pictures of each prompt.
    """

    settings: Settings
    folder: Folder
    base: BaseModel
    denoise: Denoiser
    judge: Judge
    people: People
    methods: Mapping[str, TrainingConfig]
    numbers: tuple[int, ...]
    seeds: int

    @property
    def noun(self) -> Tensor:
        """``[D]`` token embedding of the class noun."""
        token = torch.tensor(class_noun_token(self.base, self.settings.class_noun))
        return token_embeddings(self.base.text_encoder, token.to(self.base.device)).cpu()

    def learned(self, method: str, numbers: Sequence[int]) -> list[Tensor]:
        """Tokens ``[S, 2, D]`` of the people; the evaluation's, or else learned now."""
        blocks = [numbers[first : first + TOGETHER] for first in range(0, len(numbers), TOGETHER)]
        noun = self.settings.class_noun
        return [
            tokens
            for block in blocks
            for tokens in learn(
                self.base, self.methods[method], noun, self.people, block, self.folder
            )
        ]

    def draw(self, prompt: str, tokens: Sequence[Tensor], seeds: int) -> Pictures:
        """``[N * seeds, H, W, 3]``: of each of N identities ``[S, 2, D]``, with every seed."""
        told = [identity_conditioning(self.base, prompt, each) for each in tokens]
        rows = [each for each in told for _ in range(seeds)]
        noise = [seed_of(prompt, index) for index in range(seeds)] * len(tokens)
        return draw(self.base, self.denoise, rows, noise, self.settings.sampling)

    def sources(self) -> Floats:
        """``[N, E]`` faces of the people's source images."""
        return self.judge.faces(np.stack([self.people.source(n) for n in self.numbers]))[0]


def open_bench(settings: Settings, folder: Folder, people: int, seeds: int, threads: int) -> Bench:
    """Loads everything.

    Args:
        settings: of the evaluation.
        folder: its results.
        people: how many of its people are studied.
        seeds: pictures of each prompt.
        threads: of the U-Net.

    Raises:
        EvaluationError: the folder holds results of other settings.
        BaseModelError: the base model can't be used.
    """
    base = load(settings.base_model, device())
    judge, everybody = settings.load_judge(), settings.people(base)
    folder.claim(settings.to_json(base, judge, everybody))
    unet = write_openvino(base, folder.root / "engine") if openvino_serves(base) else None
    denoise = denoiser(base, unet, threads)
    numbers = tuple(range(settings.first, settings.first + people))
    return Bench(settings, folder, base, denoise, judge, everybody, METHODS, numbers, seeds)
