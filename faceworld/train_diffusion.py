"""Trains text encoder and U-Net together on the latents of all training pictures."""

from __future__ import annotations

import copy
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import torch
from diffusers import AutoencoderKL
from torch import nn
from transformers import CLIPTokenizer

from faceworld.dataset import captions_of, companion_features, features, load_pictures, view_factors
from faceworld.export import export
from faceworld.factors import factor_vector
from faceworld.identity import PARAMETERS
from faceworld.model import FaceModel, build_scheduler
from faceworld.pixels import to_model_range
from faceworld.probe import Probe
from faceworld.renderer import SIZE
from faceworld.settings import DiffusionSettings, Settings
from faceworld.tokenizer import build_tokenizer, encode
from faceworld.train_vae import vae_path
from faceworld.training import Phase, save_atomically, set_rate

_ENCODE_BATCH = 50


@dataclass
class Corpus:
    """Everything that training reads, in memory. M pictures, C wordings each.

    Attributes:
        latents: [M, 4, 16, 16] half precision, unit variance.
        ids: [M, C, L] token ids.
        people: [M, 2, P] standardised parameters of the first and second person.
        factors: [M, F] factors as numbers.
        empty: [L] ids of the empty caption.
    """

    latents: torch.Tensor
    ids: torch.Tensor
    people: torch.Tensor
    factors: torch.Tensor
    empty: torch.Tensor

    def draw(self, count: int, dropout: float) -> tuple[torch.Tensor, ...]:
        """(latents, ids, people, factors) of random pictures; some with an empty caption."""
        rows = torch.randint(len(self.latents), (count,))
        wording = torch.randint(self.ids.shape[1], (count,))
        ids = self.ids[rows, wording].long()
        ids[torch.rand(count) < dropout] = self.empty
        return self.latents[rows].float(), ids, self.people[rows], self.factors[rows]


def _encode_pictures(settings: Settings) -> torch.Tensor:
    """[M, 4, 16, 16] half precision latents of all training pictures, kept on disk."""
    path = settings.work / "latents.pt"
    if not path.exists():
        vae = AutoencoderKL.from_pretrained(vae_path(settings))
        pictures = load_pictures(settings).reshape(-1, SIZE, SIZE, 3)

        @torch.no_grad()
        def encode_some(first: int) -> torch.Tensor:
            some = to_model_range(pictures[first : first + _ENCODE_BATCH])
            return (vae.encode(some).latent_dist.mode() * vae.config.scaling_factor).half()

        with ThreadPoolExecutor(settings.threads) as pool:
            chunks = list(pool.map(encode_some, range(0, len(pictures), _ENCODE_BATCH)))
        save_atomically(torch.cat(chunks), path)
    return torch.load(path, weights_only=True)


def _tell(settings: Settings, tokenizer: CLIPTokenizer) -> dict[str, torch.Tensor]:
    """Captions, people and factors of all training pictures, kept on disk."""
    path = settings.work / "captions.pt"
    data = settings.data
    if not path.exists():
        ids, factors = [], []
        for seed in range(data.identities):
            wordings = captions_of(seed, data)
            flat = encode(tokenizer, [text for view in wordings for text in view])
            ids.append(flat.view(data.views, data.captions, -1).to(torch.int16))
            factors += [factor_vector(view_factors(seed, view)) for view in range(data.views)]
        first = np.repeat(features(data), data.views, axis=0)
        second = companion_features(data).reshape(-1, len(PARAMETERS))
        told = {
            "ids": torch.cat(ids),
            "people": torch.from_numpy(np.stack([first, second], axis=1)),
            "factors": torch.from_numpy(np.stack(factors)),
        }
        save_atomically(told, path)
    return torch.load(path, weights_only=True)


def load_corpus(settings: Settings, tokenizer: CLIPTokenizer) -> Corpus:
    """Prepares what is missing on disk, and reads it."""
    told = _tell(settings, tokenizer)
    return Corpus(_encode_pictures(settings), **told, empty=encode(tokenizer, [""])[0])


class Readout(nn.Module):
    """Reads identity and factors off the features behind a caption's end.

    A loss on it makes the text encoder spread the meaning of a caption, and of a name, over the
    padding, where the U-Net looks most.
    """

    def __init__(self, settings: DiffusionSettings, targets: int, end_id: int) -> None:
        super().__init__()
        self.linear = nn.Linear(settings.text_width, targets)
        self._end_id = end_id

    def forward(
        self, condition: torch.Tensor, ids: torch.Tensor, targets: torch.Tensor, known: torch.Tensor
    ) -> torch.Tensor:
        """Mean squared error where `known` [N, T]; condition [N, L, D], targets [N, T]."""
        behind = (ids == self._end_id).unsqueeze(-1).float()
        mean = (condition * behind).sum(dim=1) / behind.sum(dim=1)
        error = (self.linear(mean) - targets).square()
        return (error * known).sum() / known.sum().clamp(min=1)


def readout_targets(
    model: FaceModel, ids: torch.Tensor, people: torch.Tensor, factors: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """(targets, known), both [N, T]: people only where named, factors only where told."""
    named = torch.stack([(ids == word).any(dim=1) for word in model.words], dim=1)
    told = (ids[:, 1] != model.end).unsqueeze(-1).expand_as(factors)
    known = torch.cat([named.repeat_interleave(people.shape[-1], dim=1), told], dim=1).float()
    return torch.cat([people.flatten(1), factors], dim=1), known


def loss_weight(signal_to_noise: torch.Tensor) -> torch.Tensor:
    """Weight of the epsilon loss for a timestep's signal to noise ratio: mild at both ends."""
    snr = signal_to_noise
    return ((1 + snr) / snr).clamp(max=15) * (5 / snr).clamp(max=1) / 2


class _Average:
    """Exponential moving average of a model's parameters."""

    def __init__(self, model: nn.Module, decay: float) -> None:
        self.model, self._decay = copy.deepcopy(model).requires_grad_(False).eval(), decay
        self._pairs = (list(self.model.parameters()), list(model.parameters()))

    @torch.no_grad()
    def update(self, step: int) -> None:
        """Moves the average; faster while training is young."""
        decay = min(self._decay, (1 + step) / (10 + step))
        torch._foreach_lerp_(*self._pairs, 1 - decay)


def train(settings: Settings) -> None:
    """Readout warm-up, then diffusion with the readout as a small second loss."""
    ours, tokenizer = settings.diffusion, build_tokenizer(settings.diffusion.prompt_length)
    vae = AutoencoderKL.from_pretrained(vae_path(settings))
    corpus = load_corpus(settings, tokenizer)
    torch.manual_seed(3)
    model = FaceModel(ours, tokenizer)
    targets = 2 * len(PARAMETERS) + corpus.factors.shape[-1]
    readout = Readout(ours, targets, tokenizer.eos_token_id)
    average = _Average(model, ours.ema)
    optimizer = torch.optim.AdamW(
        [*model.parameters(), *readout.parameters()],
        ours.learning_rate,
        weight_decay=0.01,
        fused=True,
    )
    parts = {"model": model, "average": average.model, "readout": readout, "optimizer": optimizer}
    phase = Phase("diffusion", settings, parts, ours.steps)
    phase.resume()
    if phase.step == 0:
        _warm_up(model, readout, corpus, ours)
        average.model.load_state_dict(model.state_dict())
    alphas = build_scheduler().alphas_cumprod
    probe = Probe(settings, vae, tokenizer)
    last_snapshot = time.monotonic()
    for step in phase:
        set_rate(optimizer, ours.learning_rate, step, phase.fraction)
        latents, ids, people, factors = corpus.draw(ours.batch, ours.caption_dropout)
        spread = (torch.arange(ours.batch) + torch.rand(ours.batch)) / ours.batch
        timesteps = (spread * len(alphas)).long()
        signal = alphas[timesteps].view(-1, 1, 1, 1)
        noise = torch.randn_like(latents)
        noisy = signal.sqrt() * latents + (1 - signal).sqrt() * noise
        condition = model.condition(ids, people)
        predicted = model.unet(noisy, timesteps, condition).sample
        error = (predicted - noise).square().mean(dim=(1, 2, 3))
        diffusion = (error * loss_weight(signal.flatten() / (1 - signal.flatten()))).mean()
        reading = readout(condition, ids, *readout_targets(model, ids, people, factors))
        loss = diffusion + ours.readout_weight * reading
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        norm = nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        average.update(step)
        phase.log(loss=diffusion.item(), readout=reading.item(), norm=norm.item())
        if step % ours.probe_steps == 0:
            phase.log(force=True, **probe.name_errors(average.model))
        if settings.snapshots and time.monotonic() - last_snapshot > settings.snapshot_seconds:
            export(average.model, vae, tokenizer, settings.snapshots)
            phase.log(force=True, **probe.pictures(average.model))
            last_snapshot = time.monotonic()
    phase.log(force=True, **probe.pictures(average.model))
    export(average.model, vae, tokenizer, settings.output)


def _warm_up(
    model: FaceModel, readout: Readout, corpus: Corpus, settings: DiffusionSettings
) -> None:
    """Trains the text encoder alone until names and factors can be read off its padding."""
    both = [*model.text.parameters(), *model.names.parameters(), *readout.parameters()]
    optimizer = torch.optim.AdamW(both, settings.learning_rate)
    for _ in range(settings.readout_steps):
        _, ids, people, factors = corpus.draw(64, 0.0)
        targets = readout_targets(model, ids, people, factors)
        loss = readout(model.condition(ids, people), ids, *targets)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(both, 1.0)
        optimizer.step()
