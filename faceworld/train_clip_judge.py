"""Trains the caption judge: pictures against captions, half of them wrong in one thing."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from faceworld.captions import caption
from faceworld.dataset import view_factors
from faceworld.factors import EXPRESSIONS, OBJECTS, RELATIONS, SCENES, Factors
from faceworld.identity import Identity
from faceworld.judged_pictures import PictureSource, augment
from faceworld.judges import ClipJudge
from faceworld.pixels import to_model_range
from faceworld.settings import Settings
from faceworld.tokenizer import as_ids, build_tokenizer
from faceworld.training import Phase, set_rate
from faceworld.vocabulary import CLASS_NOUN, FIRST_NAME, SECOND_NAME

_TEXT_WIDTH = 96


def changed(factors: Factors, rng: np.random.Generator) -> Factors:
    """The same picture with one thing different that captions name."""
    match str(rng.choice(_changeable(factors))):
        case "expression":
            others = [mood for mood in EXPRESSIONS if mood != factors.expression]
            return replace(factors, expression=str(rng.choice(others)))
        case "scene":
            places = [place for place in (*SCENES, None) if place != factors.scene]
            return replace(factors, scene=places[rng.integers(len(places))])
        case "item":
            at_hand = OBJECTS if factors.category == CLASS_NOUN else ("ball",)
            items = [item for item in (*at_hand, None) if item != factors.item]
            return replace(factors, item=items[rng.integers(len(items))])
        case "relation":
            others = [how for how in RELATIONS if how != factors.relation]
            return replace(factors, relation=str(rng.choice(others)))
        case "companion":
            return replace(factors, companion=None)
        case "headwear":  # a hat is no crown, and neither is none
            possible = [(True, False), (False, True), (False, False)]
            possible.remove((factors.hat, factors.crown))
            hat, crown = possible[rng.integers(2)]
            return replace(factors, hat=hat, crown=crown)
        case "old":
            return replace(factors, old=not factors.old)
        case "hat":
            return replace(factors, hat=not factors.hat)
        case "scarf":
            return replace(factors, scarf=not factors.scarf)
        case _:
            return replace(factors, sunglasses=not factors.sunglasses)


def _changeable(factors: Factors) -> list[str]:
    if factors.companion is not None:
        return ["scene", "relation", "companion"]
    return {
        "person": ["expression", "scene", "item", "old", "headwear", "sunglasses", "scarf"],
        "dog": ["scene", "item", "hat", "scarf"],
        "car": ["scene"],
    }[factors.category]


def nameless_caption(subject: Identity, factors: Factors, rng: np.random.Generator) -> str:
    """A caption with class nouns for names."""
    text = caption(subject, factors, rng)
    return text.replace(FIRST_NAME, factors.category).replace(SECOND_NAME, CLASS_NOUN)


def _content(factors: Factors) -> tuple[object, ...]:
    """What captions tell about a picture; two captions of equal content fit equally."""
    together = factors.relation if factors.companion is not None else None
    return (factors.category, factors.expression, factors.old, factors.named(), together)


def train(settings: Settings) -> ClipJudge:
    """InfoNCE of pictures and captions; half of the captions are wrong in a single thing."""
    torch.manual_seed(2)
    ours, source = settings.judges, PictureSource(settings)
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
        rows, views = source.rows(rng, count), rng.integers(source.views, size=count)
        batch = np.stack([source.whole(rng, r, v) for r, v in zip(rows, views, strict=True)])
        shown = [source.subjects[row] for row in rows]
        looks = [view_factors(s, v) for s, v in zip(shown, views.tolist(), strict=True)]
        told = [*looks, *(changed(factors, rng) for factors in looks)]
        texts = [nameless_caption(s, f, rng) for s, f in zip(shown * 2, told, strict=True)]
        ids = as_ids(tokenizer, texts)
        seen, written = judge.pictures(augment(to_model_range(batch))), judge.texts(ids)
        logits = judge.log_scale.clamp(max=3.0).exp() * seen @ written.T
        kinds = [_content(factors) for factors in told]
        fits = torch.tensor([[a == b for b in kinds] for a in kinds[:count]])
        off_target = fits & ~torch.eye(count, 2 * count, dtype=torch.bool)
        logits = logits.masked_fill(off_target, -1e4)
        target = torch.arange(count)
        by_picture = functional.cross_entropy(logits, target)
        by_text = functional.cross_entropy(logits[:, :count].T, target)
        loss = by_picture + 0.5 * by_text
        optimizer.zero_grad(set_to_none=True)
        torch.autograd.backward(loss)
        nn.utils.clip_grad_norm_(judge.parameters(), 1.0)
        optimizer.step()
        if step % 20 == 0:
            cosines = (seen @ written.T).detach()
            phase.log(
                loss=loss.item(),
                right=cosines.diagonal().mean().item(),
                one_wrong=cosines[:, count:].diagonal().mean().item(),
                hit=(logits.argmax(-1) == target).float().mean().item(),
            )
    return judge
