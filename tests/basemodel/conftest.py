"""One random checkpoint for all tests here."""

from pathlib import Path

import pytest

from basemodel import BaseModel, load
from tests.support.random_checkpoint import write_random_checkpoint


@pytest.fixture(scope="session")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_random_checkpoint(
        tmp_path_factory.mktemp("base") / "checkpoint", initial_words=["ada", "boris"]
    )


@pytest.fixture(scope="session")
def base(checkpoint: Path) -> BaseModel:
    return load(checkpoint)
