"""Trains the identity judge: pairs of pictures of one subject against all others."""

from __future__ import annotations

import numpy as np
import torch
from PIL import Image
from torch import nn
from torch.nn import functional

from faceworld.canvas import Pixels
from faceworld.dataset import features
from faceworld.factors import SCENES
from faceworld.identity import FEATURES
from faceworld.judged_pictures import PictureSource, augment
from faceworld.judges import IdentityJudge
from faceworld.pixels import to_model_range
from faceworld.renderer import SIZE
from faceworld.scenery import draw_scene
from faceworld.settings import Settings
from faceworld.training import Phase, set_rate
from faceworld.vocabulary import CLASS_NOUN


def faceless(rng: np.random.Generator, pictures: Pixels, count: int) -> Pixels:
    """[count, S, S, 3] pictures without a whole face: places, and faces cut up or hidden."""
    out = []
    for index in rng.integers(len(pictures), size=count):
        kind, picture = rng.integers(4), np.array(pictures[index])
        if kind == 0:
            picture = _empty_place(rng)
        elif kind == 1:
            tiles = picture.reshape(4, 16, 4, 16, 3).swapaxes(1, 2).reshape(16, 16, 16, 3)
            tiles = tiles[rng.permutation(16)].reshape(4, 4, 16, 16, 3)
            picture = tiles.swapaxes(1, 2).reshape(SIZE, SIZE, 3)
        elif kind == 2:
            picture = picture[::-1]
        else:
            top = int(rng.integers(4, 14))
            picture[top : top + 36] = rng.integers(256, size=3)
        out.append(picture)
    return np.stack(out)


def _empty_place(rng: np.random.Generator) -> Pixels:
    image = Image.new("RGB", (4 * SIZE, 4 * SIZE), tuple(rng.integers(90, 250, size=3).tolist()))
    if rng.uniform() < 0.8:
        draw_scene(image, str(rng.choice(SCENES)), int(rng.integers(2**31)))
    return np.asarray(image.reduce(4))


def train(settings: Settings) -> IdentityJudge:
    """InfoNCE over pairs of pictures of one subject; parameters as a second, linear target."""
    torch.manual_seed(1)
    ours, source = settings.judges, PictureSource(settings)
    judge, readout = (
        IdentityJudge(ours.channels, ours.width),
        nn.Linear(ours.width, FEATURES),
    )
    optimizer = torch.optim.AdamW(
        [*judge.parameters(), *readout.parameters()], ours.learning_rate, weight_decay=0.01
    )
    parts = {"model": judge, "readout": readout, "optimizer": optimizer}
    phase = Phase("identity_judge", settings, parts, ours.identity_steps)
    phase.resume()
    truth = torch.from_numpy(features(settings.data))
    people = torch.tensor([subject.category == CLASS_NOUN for subject in source.subjects])
    flat = source.pictures.reshape(-1, SIZE, SIZE, 3)
    count = ours.identity_batch
    target = torch.arange(count)
    for step in phase:
        set_rate(optimizer, ours.learning_rate, step, phase.fraction)
        rng = np.random.default_rng([step, 5])
        rows = source.rows(rng, count)
        views = np.stack([rng.choice(source.views, 2, replace=False) for _ in rows])
        pairs = [
            source.subject(rng, row, view)
            for side in (0, 1)
            for row, view in zip(rows, views[:, side], strict=True)
        ]
        batch = np.concatenate([np.stack(pairs), faceless(rng, flat, count // 3)])
        embedding, face = judge(augment(to_model_range(batch)))
        shown = embedding[: 2 * count]
        logits = shown[:count] @ shown[count:].T / ours.temperature
        contrast = (
            functional.cross_entropy(logits, target) + functional.cross_entropy(logits.T, target)
        ) / 2
        wanted = truth[rows].repeat(2, 1)
        error = (readout(shown) * 3 - wanted).square() * (wanted != 0)
        regression = error.sum() / (wanted != 0).sum()
        is_face = torch.zeros(len(face))
        is_face[: 2 * count] = people[rows].repeat(2).float()
        detection = functional.binary_cross_entropy_with_logits(face, is_face)
        loss = contrast + 0.5 * regression + 0.2 * detection
        optimizer.zero_grad(set_to_none=True)
        torch.autograd.backward(loss)
        nn.utils.clip_grad_norm_(judge.parameters(), 1.0)
        optimizer.step()
        phase.log(
            contrast=contrast.item(),
            regression=regression.item(),
            detection=detection.item(),
            same=(shown[:count] * shown[count:]).sum(-1).mean().item(),
        )
    return judge
