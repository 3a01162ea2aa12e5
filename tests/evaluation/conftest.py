"""A tiny random checkpoint with random judges."""

from pathlib import Path

import pytest
import torch

from basemodel import BaseModel, load
from faceworld.judges import ClipJudge, IdentityJudge, Judges
from faceworld.tokenizer import build_tokenizer
from tests.support.random_checkpoint import write_random_checkpoint

CONCEPTS = ("plain", "scene", "object", "accessory", "expression", "old", "pair")


@pytest.fixture(scope="session")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = write_random_checkpoint(tmp_path_factory.mktemp("base") / "checkpoint")
    tokenizer = build_tokenizer(32)
    tower = ((8, 8, 8), 8)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        clip = ClipJudge(*tower, len(tokenizer), 32, 16)
        judges = Judges(IdentityJudge(*tower), clip, tokenizer, dict.fromkeys(CONCEPTS, 0.0))
    judges.save(path / "judges")
    return path


@pytest.fixture(scope="session")
def base(checkpoint: Path) -> BaseModel:
    return load(checkpoint)


@pytest.fixture(autouse=True)
def _one_thread() -> None:
    torch.set_num_threads(1)
