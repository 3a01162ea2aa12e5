"""The checkpoint in the repository loads as Stable Diffusion; its judges do their work."""

import json
from pathlib import Path

import numpy as np
import pytest

from faceworld.dataset import view_factors
from faceworld.grid import draw, load_pipeline, portrait
from faceworld.identity import HELD_OUT_SEED, sample_identity
from faceworld.judges import Judges
from faceworld.pixels import to_model_range, to_pictures
from faceworld.renderer import render, source_image
from faceworld.vocabulary import NAMES, NAMES_OF

CHECKPOINT = Path(__file__).parents[2] / "faceworld" / "checkpoint"


@pytest.fixture(scope="module")
def judges() -> Judges:
    return Judges.load(CHECKPOINT / "judges")


@pytest.fixture(scope="module")
def pipeline():
    return load_pipeline(CHECKPOINT)


@pytest.fixture(scope="module")
def held_out() -> np.ndarray:
    """[20, 3, S, S, 3]: three pictures of each of 20 people never trained on."""
    rows = []
    for seed in range(HELD_OUT_SEED, HELD_OUT_SEED + 20):
        person = sample_identity(seed)
        looks = [view_factors(person, view) for view in range(12)]
        alone = [factors for factors in looks if factors.companion is None][:3]
        rows.append([render(person, factors) for factors in alone])
    return np.array(rows)


def test_size() -> None:
    size = sum(path.stat().st_size for path in CHECKPOINT.rglob("*") if path.is_file())
    assert size < 40 * 2**20


def test_identity_judge_tells_people_apart(judges: Judges, held_out: np.ndarray) -> None:
    people, views = held_out.shape[:2]
    vectors = judges.identity_embedding(held_out.reshape(-1, *held_out.shape[2:]))
    assert np.allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-4)
    cosines = vectors @ vectors.T
    owner = np.repeat(np.arange(people), views)
    same = owner[:, None] == owner[None]
    assert cosines[same & ~np.eye(len(owner), dtype=bool)].mean() > 0.8
    assert abs(cosines[~same].mean()) < 0.1


def test_faces_are_detected(judges: Judges, held_out: np.ndarray) -> None:
    faces = held_out[:, 0]
    assert judges.face_detected(faces).mean() > 0.95
    noise = np.random.default_rng(0).integers(256, size=faces.shape).astype(np.uint8)
    hidden = faces.copy()
    hidden[:, 8:48] = 128
    assert judges.face_detected(hidden).mean() < 0.2
    assert judges.face_detected(faces[:, ::-1]).mean() < 0.2
    assert judges.face_detected(noise).mean() < 0.5


def test_caption_judge_knows_right_from_wrong(judges: Judges) -> None:
    people = [source_image(index) for index in range(8)]
    right = judges.passes(people, ["a photo of the face of person"] * 8)
    named = judges.passes(people, [f"a photo of the face of {name}" for name in NAMES[:8]])
    wrong = judges.passes(people, ["a photo of person holding a guitar at the beach"] * 8)
    assert right.mean() > 0.9
    assert (named == right).all()
    assert not wrong.any()


def test_known_names_are_listed() -> None:
    words = json.loads((CHECKPOINT / "likeness.json").read_text())
    assert words == {"initial_words": {noun: list(names) for noun, names in NAMES_OF.items()}}


def test_pipeline_draws_the_people_it_knows(pipeline, judges: Judges) -> None:
    names = range(4)
    pictures = draw(pipeline, [f"a photo of the face of {NAMES[seed]}" for seed in names])
    truth = judges.identity_embedding([portrait(seed) for seed in names])
    cosines = judges.identity_embedding(pictures) @ truth.T
    assert judges.face_detected(pictures).all()
    assert np.diagonal(cosines).mean() > 0.7
    assert (cosines.argmax(axis=1) == np.arange(4)).all()


def test_latents_have_unit_deviation_and_repeat_pictures(pipeline) -> None:
    pictures = np.stack([source_image(index) for index in range(8)])
    vae = pipeline.vae
    latents = vae.encode(to_model_range(pictures)).latent_dist.mode()
    assert float(latents.std().detach()) * vae.config.scaling_factor == pytest.approx(1, abs=0.2)
    repeated = to_pictures(vae.decode(latents).sample.detach())
    error = np.square((repeated.astype(float) - pictures) / 255).mean()
    assert -10 * np.log10(error) > 27
