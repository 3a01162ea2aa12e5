"""Trains text encoder and U-Net together on the latents of all training pictures."""

from __future__ import annotations

import copy
import time

import torch
from torch import nn

from faceworld.corpus import load_corpus
from faceworld.export import export
from faceworld.identity import FEATURES
from faceworld.model import FaceModel, build_scheduler
from faceworld.probe import Probe
from faceworld.readout import Readout, readout_targets, warm_up
from faceworld.settings import Settings
from faceworld.tokenizer import build_tokenizer
from faceworld.train_vae import load_vae
from faceworld.training import Phase, set_rate
from faceworld.warm_start import load_model_weights


def loss_weight(signal_to_noise: torch.Tensor) -> torch.Tensor:
    """Weight of the epsilon loss for a timestep's signal to noise ratio: mild at both ends."""
    snr = signal_to_noise
    return ((1 + snr) / snr).clamp(max=15) * (5 / snr).clamp(max=1) / 2


class _Average:
    """Exponential moving average of a model's parameters."""

    def __init__(self, model: FaceModel, decay: float) -> None:
        self.model, self._decay = copy.deepcopy(model).requires_grad_(False).eval(), decay
        self._averaged = [parameter.data for parameter in self.model.parameters()]
        self._trained = [parameter.data for parameter in model.parameters()]

    @torch.no_grad()
    def update(self, step: int) -> None:
        """Moves the average; faster while training is young."""
        decay = min(self._decay, (1 + step) / (10 + step))
        torch._foreach_lerp_(self._averaged, self._trained, 1 - decay)


def train(settings: Settings) -> None:
    """Readout warm-up, then diffusion with the readout as a small second loss."""
    ours, tokenizer = settings.diffusion, build_tokenizer(settings.diffusion.prompt_length)
    vae = load_vae(settings)
    corpus = load_corpus(settings, tokenizer)
    torch.manual_seed(3)
    model = FaceModel(ours, tokenizer)
    model.unet.to(memory_format=torch.channels_last)
    peak = ours.learning_rate if settings.start is None else ours.resumed_learning_rate
    targets = 2 * FEATURES + corpus.factors.shape[-1]
    readout = Readout(ours, targets, tokenizer.eos_token_id)
    average = _Average(model, ours.ema)
    optimizer = torch.optim.AdamW(
        [*model.parameters(), *readout.parameters()],
        peak,
        weight_decay=0.01,
        fused=True,
    )
    parts = {"model": model, "average": average.model, "readout": readout, "optimizer": optimizer}
    phase = Phase("diffusion", settings, parts, ours.steps)
    phase.resume()
    if phase.step == 0:
        if settings.start is not None:
            load_model_weights(model, tokenizer, settings.start)
        warm_up(model, readout, corpus, ours, readout_alone=settings.start is not None)
        average.model.load_state_dict(model.state_dict())
    alphas = build_scheduler().alphas_cumprod
    probe = Probe(settings, vae, tokenizer)
    last_snapshot = time.monotonic()
    for step in phase:
        set_rate(optimizer, peak, step, phase.fraction)
        latents, ids, people, factors = corpus.draw(ours.batch, ours.caption_dropout)
        spread = (torch.arange(ours.batch) + torch.rand(ours.batch)) / ours.batch
        timesteps = (spread * len(alphas)).long()
        signal = alphas[timesteps].view(-1, 1, 1, 1)
        noise = torch.randn_like(latents)
        noisy = signal.sqrt() * latents + (1 - signal).sqrt() * noise
        noisy = noisy.contiguous(memory_format=torch.channels_last)
        condition = model.condition(ids, people)
        predicted = model.unet(noisy, timesteps, condition).sample
        error = (predicted - noise).square().mean(dim=(1, 2, 3))
        diffusion = (error * loss_weight(signal.flatten() / (1 - signal.flatten()))).mean()
        reading = readout(condition, ids, *readout_targets(model, ids, people, factors))
        loss = diffusion + ours.readout_weight * reading
        optimizer.zero_grad(set_to_none=True)
        torch.autograd.backward(loss)
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
