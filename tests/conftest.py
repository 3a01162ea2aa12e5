"""A tiny random checkpoint, exported once, and one real Triton server for all who need them."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from basemodel import BaseModel, load
from deploy.triton import TritonServer
from export.build import Settings, build, write_graphs
from export.phases import Workshop
from tests.support.random_checkpoint import write_random_checkpoint

settings.register_profile("likeness", deadline=None)  # a busy machine is slow, not wrong
settings.load_profile("likeness")


@pytest.fixture(scope="session")
def exported_checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_random_checkpoint(tmp_path_factory.mktemp("exported") / "checkpoint")


@pytest.fixture(scope="session")
def exported_model(exported_checkpoint: Path) -> BaseModel:
    return load(exported_checkpoint)


@pytest.fixture(scope="session")
def workshop(tmp_path_factory: pytest.TempPathFactory) -> Workshop:
    return Workshop(tmp_path_factory.mktemp("workshop"), lambda _: None)


@pytest.fixture(scope="session")
def onnx_files(exported_model: BaseModel, workshop: Workshop) -> dict[str, Path]:
    return write_graphs(exported_model, workshop)


@pytest.fixture(scope="session")
def bundle(
    exported_model: BaseModel, workshop: Workshop, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    out = tmp_path_factory.mktemp("serving") / "bundle"
    build(exported_model, out, Settings(max_rows=8), workshop)
    return out


@pytest.fixture(scope="session")
def embedded_work(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where exports of the embedded checkpoint keep their ONNX files for one another."""
    return tmp_path_factory.mktemp("embedded") / "work"


@pytest.fixture(scope="session")
def triton(bundle: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[TritonServer]:
    with TritonServer(bundle, tmp_path_factory.mktemp("triton"), threads=1) as server:
        yield server
