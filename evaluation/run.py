"""Learns the people, draws them, judges the pictures. Whatever is already there is kept."""

import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from basemodel import BaseModel, load
from evaluation.report import Row, judge, write_report
from evaluation.sampling import Pictures, draw, identity_conditioning, plain_conditioning
from evaluation.settings import CLASS_NOUN, SEED_SETS, EvaluationSettings, claim
from faceworld.judges import Judges
from faceworld.renderer import source_image
from identity import Identity
from trainer.loop import Training
from trainer.process import write_atomically
from trainer.views import make_views

Advance = Callable[[str, int], None]
"""Told what has been done and how many units of it."""


def evaluate(settings: EvaluationSettings, out: Path, advance: Advance) -> dict[str, object]:
    """Runs what is missing in ``out``; returns the summary."""
    base = load(settings.base_model)
    claim(out, settings.to_json(base.digest))
    for folder in ("identities", "pictures"):
        (out / folder).mkdir(exist_ok=True)
    judges = Judges.load(Path(settings.base_model) / "judges")
    people = list(settings.people)
    for first in range(0, len(people), settings.together):
        _learn(base, settings, people[first : first + settings.together], out, advance)
    pictures = [_pictures_of(base, settings, person, out, advance) for person in people]
    turns = sorted({person % SEED_SETS for person in people})
    plain = {turn: _plain_pictures(base, settings, turn, out, advance) for turn in turns}
    rows: list[Row] = judge(settings, judges, pictures, plain)
    return write_report(settings, out, rows, pictures)


def _learn(
    base: BaseModel, settings: EvaluationSettings, people: list[int], out: Path, advance: Advance
) -> None:
    paths = {person: out / "identities" / f"{person:04d}.safetensors" for person in people}
    missing = [person for person in people if not paths[person].exists()]
    if missing:
        started = time.monotonic()
        views = [make_views(base, source_image(p), settings.training, p) for p in missing]
        training = Training(base, settings.training, CLASS_NOUN, views, missing)
        while not training.done:
            training.take_step()
        seconds = (time.monotonic() - started) / len(missing)
        for person, tokens in zip(missing, training.result(), strict=True):
            record = {"config": settings.training.to_json(), "seconds": round(seconds, 2)}
            identity = Identity(tokens.contiguous().numpy(), base.digest, CLASS_NOUN, record)
            write_atomically(paths[person], identity.to_bytes())
    advance("learned", len(people))


def _pictures_of(
    base: BaseModel, settings: EvaluationSettings, person: int, out: Path, advance: Advance
) -> Pictures:
    """``[prompts, H, W, 3]`` of one person."""

    def make() -> Pictures:
        artifact = (out / "identities" / f"{person:04d}.safetensors").read_bytes()
        tokens = torch.from_numpy(Identity.from_bytes(artifact).tokens)
        told = [identity_conditioning(base, prompt, tokens) for prompt in settings.prompts]
        return draw(base, told, settings.seeds(person), settings.sampling)

    pictures = _kept(out / "pictures" / f"{person:04d}.png", make)
    advance("drawn", 1)
    return pictures


def _plain_pictures(
    base: BaseModel, settings: EvaluationSettings, turn: int, out: Path, advance: Advance
) -> Pictures:
    """``[prompts, H, W, 3]`` with the class noun in the place of an identity."""

    def make() -> Pictures:
        told = [plain_conditioning(base, prompt.format(CLASS_NOUN)) for prompt in settings.prompts]
        return draw(base, told, settings.seeds(turn), settings.sampling)

    pictures = _kept(out / "pictures" / f"plain-{turn}.png", make)
    advance("drawn", 1)
    return pictures


def _kept(path: Path, make: Callable[[], Pictures]) -> Pictures:
    """Square pictures ``[N, H, H, 3]`` from a PNG strip, made and written if it isn't there."""
    if not path.exists():
        strip = np.concatenate(list(make()))
        partial = path.with_suffix(".partial")
        Image.fromarray(strip).save(partial, format="PNG")
        partial.replace(path)
    with Image.open(path) as image:
        pixels = np.asarray(image.convert("RGB"))
    width = pixels.shape[1]
    return pixels.reshape(-1, width, width, 3)
