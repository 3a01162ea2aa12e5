"""A small evaluation from people to report, and pictures equal to diffusers' own."""

import csv
import json
from pathlib import Path

import numpy as np
import pytest
import torch
from diffusers import DDIMScheduler, StableDiffusionPipeline
from PIL import Image

from basemodel import load
from evaluation.run import evaluate
from evaluation.sampling import (
    SamplingSettings,
    draw,
    identity_conditioning,
    plain_conditioning,
)
from evaluation.settings import EvaluationSettings, OtherEvaluationError
from faceworld.judges import ClipJudge, IdentityJudge, Judges
from faceworld.tokenizer import build_tokenizer
from tests.support.random_checkpoint import write_random_checkpoint
from trainer.config import TrainingConfig

PROMPTS = ("a photo of the face of {}", "a photo of {} holding a cup")
SAMPLING = SamplingSettings(steps=2)


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.manual_seed(0)
    path = write_random_checkpoint(tmp_path_factory.mktemp("base") / "checkpoint")
    tokenizer = build_tokenizer(32)
    tower = ((8, 8, 8), 8)
    clip = ClipJudge(*tower, len(tokenizer), 32, 16)
    kinds = ("plain", "scene", "object", "accessory", "expression", "old")
    judges = Judges(IdentityJudge(*tower), clip, tokenizer, dict.fromkeys(kinds, 0.0))
    judges.save(path / "judges")
    return path


def settings(checkpoint: Path, **other: object) -> EvaluationSettings:
    training = TrainingConfig(steps=2, batch=2, views=2)
    fields = {"identities": 3, "together": 2, "prompts": PROMPTS, **other}
    return EvaluationSettings(str(checkpoint), sampling=SAMPLING, training=training, **fields)


def test_from_people_to_report_and_again_without_work(checkpoint: Path, tmp_path: Path) -> None:
    told: list[tuple[str, int]] = []
    summary = evaluate(settings(checkpoint), tmp_path, lambda *progress: told.append(progress))
    assert sum(count for what, count in told if what == "learned") == 3
    with (tmp_path / "scores.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 3 * len(PROMPTS)
    mean = np.mean([float(row["identity"]) for row in rows])
    assert summary["all prompts"]["ID"] == pytest.approx(mean, abs=1e-4)
    assert json.loads((tmp_path / "summary.json").read_text()) == summary
    with Image.open(tmp_path / "grid.png") as grid:
        assert grid.size == (64 * (1 + len(PROMPTS)), 64 * 3)

    made = {path: path.stat().st_mtime_ns for path in tmp_path.glob("*/*")}
    lost = tmp_path / "pictures/0001.png"
    before = lost.read_bytes()
    lost.unlink()
    assert evaluate(settings(checkpoint), tmp_path, lambda *_: None) == summary
    assert lost.read_bytes() == before
    kept = {path: path.stat().st_mtime_ns for path in made if path != lost}
    assert kept == {path: when for path, when in made.items() if path != lost}


def test_results_of_other_settings_are_not_mixed(checkpoint: Path, tmp_path: Path) -> None:
    evaluate(settings(checkpoint, identities=1), tmp_path, lambda *_: None)
    with pytest.raises(OtherEvaluationError):
        evaluate(settings(checkpoint, identities=1, first=5), tmp_path, lambda *_: None)


def test_plain_pictures_are_those_of_diffusers(checkpoint: Path) -> None:
    pipeline = StableDiffusionPipeline.from_pretrained(checkpoint)
    pipeline.scheduler = DDIMScheduler.from_config(pipeline.scheduler.config)
    pipeline.set_progress_bar_config(disable=True)
    prompt = "a photo of person at the beach"
    generator = torch.Generator().manual_seed(7)
    expected = pipeline(prompt, num_inference_steps=3, generator=generator, output_type="np").images
    base = load(checkpoint)
    ours = draw(base, [plain_conditioning(base, prompt)], [7], SamplingSettings(steps=3))
    np.testing.assert_allclose(ours / 255, expected, atol=1 / 255 + 1e-4)


def test_an_identity_of_class_nouns_is_the_class_noun(checkpoint: Path) -> None:
    base = load(checkpoint)
    noun = int(base.tokenizer("person").token_ids[1])
    embeddings = base.text_encoder.get_input_embeddings().weight
    tokens = embeddings[noun].detach().expand(5, 2, -1)
    conditioning = identity_conditioning(base, PROMPTS[1], tokens)
    plain = plain_conditioning(base, PROMPTS[1].format("person"))
    torch.testing.assert_close(conditioning, plain.expand(5, -1, -1), atol=1e-5, rtol=1e-4)
