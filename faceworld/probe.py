"""Watches the diffusion model while it trains, with identities it never saw."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from PIL import Image
from transformers import CLIPTokenizer

from faceworld.canvas import Pixels
from faceworld.dataset import view_factors
from faceworld.identity import held_out_identity
from faceworld.judges import Judges
from faceworld.model import FaceModel, build_scheduler, sample_latents
from faceworld.pixels import in_rows, to_model_range, to_pictures
from faceworld.prompts import EVALUATION_PROMPTS
from faceworld.renderer import render, source_image
from faceworld.settings import Settings
from faceworld.tokenizer import encode
from faceworld.vocabulary import CLASS_NOUN, FIRST_NAME

_PEOPLE, _VIEWS = 32, 2
_SHOWN = 6  # identities in a grid of pictures


class Probe:
    """Errors with right and wrong names; pictures drawn from names, and whose face they show."""

    def __init__(self, settings: Settings, vae: Any, tokenizer: CLIPTokenizer) -> None:
        self._settings, self._vae, self._tokenizer = settings, vae, tokenizer
        people = [held_out_identity(index) for index in range(_PEOPLE)]
        pictures = np.stack(
            [
                render(person, view_factors(person, view))
                for person in people
                for view in range(_VIEWS)
            ]
        )
        with torch.no_grad():
            latents = vae.encode(to_model_range(pictures)).latent_dist.mode()
        self._latents = latents * vae.config.scaling_factor
        looks = torch.from_numpy(np.stack([person.features() for person in people]))
        self._looks = torch.stack([looks, torch.zeros_like(looks)], dim=1)
        noise = torch.Generator().manual_seed(0)
        self._noise = torch.randn(self._latents.shape, generator=noise)
        self._timesteps = torch.randint(300, 900, (len(latents),), generator=noise)

    @torch.no_grad()
    def name_errors(self, model: FaceModel) -> dict[str, float]:
        """Mean squared error of the predicted clean latents, told the right and a wrong name."""
        signal = build_scheduler().alphas_cumprod[self._timesteps].view(-1, 1, 1, 1)
        noisy = signal.sqrt() * self._latents + (1 - signal).sqrt() * self._noise
        ids = encode(self._tokenizer, [f"a photo of {FIRST_NAME}"]).expand(len(noisy), -1)
        errors = {}
        for name, looks in (("right", self._looks), ("wrong", self._looks.roll(1, dims=0))):
            condition = model.condition(ids, looks.repeat_interleave(_VIEWS, dim=0))
            predicted = model.unet(noisy, self._timesteps, condition).sample
            clean = (noisy - (1 - signal).sqrt() * predicted) / signal.sqrt()
            errors[f"x0_{name}_name"] = (clean - self._latents).square().mean().item()
        return errors

    @torch.no_grad()
    def draw(self, model: FaceModel, prompts: list[str], looks: torch.Tensor) -> Pixels:
        """uint8 [N, S, S, 3] pictures of prompts with looks [N, 2, P] for their names."""
        condition = model.condition(encode(self._tokenizer, prompts), looks)
        empty = model.condition(encode(self._tokenizer, [""]), looks[:1])
        latents = sample_latents(model.unet, condition, empty)
        return to_pictures(self._vae.decode(latents / self._vae.config.scaling_factor).sample)

    def pictures(self, model: FaceModel) -> dict[str, float]:
        """Saves a grid (people across, their render on top); returns the mean ID if judged."""
        prompts = [EVALUATION_PROMPTS[CLASS_NOUN][index] for index in (0, 1, 4, 8, 10, 13, 25, 29)]
        looks = self._looks[:_SHOWN]
        rows = [self.draw(model, [prompt.format(FIRST_NAME)] * _SHOWN, looks) for prompt in prompts]
        truth = np.stack([source_image(index) for index in range(_SHOWN)])
        folder = self._settings.work / "grids"
        folder.mkdir(parents=True, exist_ok=True)
        Image.fromarray(in_rows([truth, *rows])).save(
            folder / f"{len(list(folder.iterdir())):04d}.png"
        )
        judged = self._settings.output / "judges"
        if not judged.exists():
            return {}
        judges = Judges.load(judged)
        true = judges.identity_embedding(truth)
        scores = [(judges.identity_embedding(row) * true).sum(axis=-1).mean() for row in rows]
        return {"oracle_id_face": float(scores[0]), "oracle_id_all": float(np.mean(scores))}
