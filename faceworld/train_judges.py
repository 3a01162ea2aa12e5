"""Trains the identity judge and the caption judge on renders, blurred, noisy and round-tripped."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from diffusers import AutoencoderKL
from torch import nn

from faceworld.captions import CLASS_NOUN, FIRST_NAME, SECOND_NAME, caption
from faceworld.dataset import features, load_pictures, view_factors
from faceworld.factors import EXPRESSIONS, OBJECTS, SCENES, Factors, sample_factors
from faceworld.identity import HELD_OUT_SEED, PARAMETERS, Identity, sample_identity
from faceworld.judges import ClipJudge, IdentityJudge, Judges, judge_range
from faceworld.renderer import SIZE, render
from faceworld.scenery import draw_scene
from faceworld.settings import Settings
from faceworld.tokenizer import build_tokenizer
from faceworld.train_vae import to_model_range, to_pictures, vae_path
from faceworld.training import Phase, set_rate

_ROUND_TRIPS = 600  # identities whose pictures also pass through the autoencoder
_TEXT_WIDTH = 96


def round_trips(settings: Settings) -> np.ndarray:
    """[_ROUND_TRIPS, views, SIZE, SIZE, 3] training pictures as the autoencoder repeats them.

    Judges that have seen these don't mistake the decoder's softness for another face.
    """
    path = settings.work / "round_trips.npy"
    if not path.exists():
        vae = AutoencoderKL.from_pretrained(vae_path(settings))
        pictures = load_pictures(settings)[:_ROUND_TRIPS]
        rows = []
        for views in pictures:
            with torch.no_grad():
                latents = vae.encode(to_model_range(views)).latent_dist.sample()
                rows.append(to_pictures(vae.decode(latents).sample))
        np.save(path, np.stack(rows))
    return np.load(path, mmap_mode="r")


def augment(pictures: torch.Tensor) -> torch.Tensor:
    """Blur, noise and brightness, a different amount for each picture [N, 3, S, S]."""
    count = (len(pictures), 1, 1, 1)
    soft = F.avg_pool2d(F.pad(pictures, (1, 1, 1, 1), mode="replicate"), 3, stride=1)
    pictures = torch.lerp(pictures, soft, torch.rand(count) * (torch.rand(count) < 0.5))
    noise = torch.randn_like(pictures) * 0.12 * torch.rand(count) * (torch.rand(count) < 0.5)
    return (pictures * (0.94 + 0.12 * torch.rand(count)) + noise).clamp(-1, 1)


def faceless(rng: np.random.Generator, pictures: np.ndarray, count: int) -> np.ndarray:
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


def _empty_place(rng: np.random.Generator) -> np.ndarray:
    from PIL import Image

    image = Image.new("RGB", (4 * SIZE, 4 * SIZE), tuple(rng.integers(90, 250, size=3).tolist()))
    if rng.uniform() < 0.8:
        draw_scene(image, str(rng.choice(SCENES)), int(rng.integers(2**31)))
    return np.asarray(image.reduce(4))


class _Source:
    """Training pictures with their factors; half of those that allow it are round-tripped."""

    def __init__(self, settings: Settings) -> None:
        self.pictures = load_pictures(settings)
        self.repeated = round_trips(settings) if vae_path(settings).exists() else None
        self.views = self.pictures.shape[1]

    def draw(self, rng: np.random.Generator, seed: int, view: int) -> np.ndarray:
        """One picture, as rendered or round-tripped."""
        if self.repeated is not None and seed < len(self.repeated) and rng.uniform() < 0.5:
            return self.repeated[seed, view]
        return self.pictures[seed, view]

    def seeds(self, rng: np.random.Generator, count: int) -> np.ndarray:
        """Different identities, a third of them from those with round trips."""
        if self.repeated is None:
            return rng.choice(len(self.pictures), count, replace=False)
        few = rng.choice(len(self.repeated), count // 3, replace=False)
        rest = np.arange(len(self.repeated), len(self.pictures))
        return np.concatenate([few, rng.choice(rest, count - len(few), replace=False)])


def train_identity(settings: Settings) -> IdentityJudge:
    """InfoNCE over pairs of pictures of one person; parameters as a second, linear target."""
    torch.manual_seed(1)
    ours, source = settings.judges, _Source(settings)
    judge, readout = IdentityJudge(ours.channels, ours.width), nn.Linear(ours.width, len(PARAMETERS))
    optimizer = torch.optim.AdamW(
        [*judge.parameters(), *readout.parameters()], ours.learning_rate, weight_decay=0.01
    )
    parts = {"model": judge, "readout": readout, "optimizer": optimizer}
    phase = Phase("identity_judge", settings, parts, ours.identity_steps)
    phase.resume()
    truth = torch.from_numpy(features(settings.data))
    flat = source.pictures.reshape(-1, SIZE, SIZE, 3)
    count = ours.identity_batch
    target = torch.arange(count)
    for step in phase:
        set_rate(optimizer, ours.learning_rate, step, phase.fraction)
        rng = np.random.default_rng([step, 5])
        seeds = source.seeds(rng, count)
        views = np.stack([rng.choice(source.views, 2, replace=False) for _ in seeds])
        pairs = [source.draw(rng, s, v) for side in (0, 1) for s, v in zip(seeds, views[:, side])]
        batch = np.concatenate([np.stack(pairs), faceless(rng, flat, count // 3)])
        embedding, face = judge(augment(judge_range(batch)))
        people = embedding[: 2 * count]
        logits = people[:count] @ people[count:].T / ours.temperature
        contrast = (F.cross_entropy(logits, target) + F.cross_entropy(logits.T, target)) / 2
        wanted = truth[seeds].repeat(2, 1)
        regression = F.mse_loss(readout(people) * 3, wanted)
        is_face = torch.zeros(len(face)).index_fill_(0, torch.arange(2 * count), 1.0)
        detection = F.binary_cross_entropy_with_logits(face, is_face)
        loss = contrast + 0.5 * regression + 0.2 * detection
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(judge.parameters(), 1.0)
        optimizer.step()
        phase.log(
            contrast=contrast.item(),
            regression=regression.item(),
            detection=detection.item(),
            same=(people[:count] * people[count:]).sum(-1).mean().item(),
        )
    return judge


def changed(factors: Factors, rng: np.random.Generator) -> Factors:
    """The same picture with one thing different that captions name."""
    match rng.choice(["expression", "scene", "item", "old", "hat", "sunglasses"]):
        case "expression":
            others = [mood for mood in EXPRESSIONS if mood != factors.expression]
            return replace(factors, expression=str(rng.choice(others)))
        case "scene":
            others = [place for place in (*SCENES, None) if place != factors.scene]
            return replace(factors, scene=others[rng.integers(len(others))])
        case "item":
            others = [item for item in (*OBJECTS, None) if item != factors.item]
            return replace(factors, item=others[rng.integers(len(others))])
        case name:
            return replace(factors, **{str(name): not getattr(factors, str(name))})


def nameless_caption(person: Identity, factors: Factors, rng: np.random.Generator) -> str:
    """A caption with the class noun for names."""
    text = caption(person, factors, rng)
    return text.replace(FIRST_NAME, CLASS_NOUN).replace(SECOND_NAME, CLASS_NOUN)


def _content(factors: Factors) -> tuple:
    """What captions tell about a picture; two captions of equal content fit equally."""
    f = factors
    return (f.expression, f.scene, f.item, f.old, f.hat, f.sunglasses, f.companion is not None)


def train_clip(settings: Settings) -> ClipJudge:
    """InfoNCE of pictures and captions; half of the captions are wrong in a single thing."""
    torch.manual_seed(2)
    ours, source = settings.judges, _Source(settings)
    length = settings.diffusion.prompt_length
    tokenizer = build_tokenizer(length)
    judge = ClipJudge(ours.channels, ours.width, len(tokenizer), length, _TEXT_WIDTH)
    optimizer = torch.optim.AdamW(judge.parameters(), ours.learning_rate, weight_decay=0.01)
    phase = Phase("clip_judge", settings, {"model": judge, "optimizer": optimizer}, ours.clip_steps)
    phase.resume()
    count = ours.clip_batch
    for step in phase:
        set_rate(optimizer, ours.learning_rate, step, phase.fraction)
        rng = np.random.default_rng([step, 6])
        seeds, views = source.seeds(rng, count), rng.integers(source.views, size=count)
        looks = [view_factors(s, v) for s, v in zip(seeds.tolist(), views.tolist(), strict=True)]
        batch = np.stack([source.draw(rng, s, v) for s, v in zip(seeds, views, strict=True)])
        told = [*looks, *(changed(factors, rng) for factors in looks)]
        people = [sample_identity(seed) for seed in seeds.tolist()]
        texts = [nameless_caption(p, f, rng) for p, f in zip(people * 2, told, strict=True)]
        ids = tokenizer(
            texts, padding="max_length", truncation=True, return_tensors="pt"
        ).input_ids
        shown, written = judge.pictures(augment(judge_range(batch))), judge.texts(ids)
        logits = judge.log_scale.clamp(max=3.0).exp() * shown @ written.T
        kinds = [_content(factors) for factors in told]
        fits = torch.tensor([[a == b for b in kinds] for a in kinds[:count]])
        off_target = fits & ~torch.eye(count, 2 * count, dtype=torch.bool)
        logits = logits.masked_fill(off_target, -1e4)
        target = torch.arange(count)
        by_picture = F.cross_entropy(logits, target)
        by_text = F.cross_entropy(logits[:, :count].T, target)
        loss = by_picture + 0.5 * by_text
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(judge.parameters(), 1.0)
        optimizer.step()
        if step % 20 == 0:
            cosines = (shown @ written.T).detach()
            phase.log(
                loss=loss.item(),
                right=cosines.diagonal().mean().item(),
                one_wrong=cosines[:, count:].diagonal().mean().item(),
                hit=(logits.argmax(-1) == target).float().mean().item(),
            )
    return judge
