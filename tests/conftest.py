"""A tiny random checkpoint, exported once, and one real Triton server for all who need them."""

import os
import shutil
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path

import pytest
from filelock import FileLock
from hypothesis import settings
from typer.testing import CliRunner

from basemodel import BaseModel, load
from deploy.triton import TritonServer
from export.__main__ import app
from export.build import Settings, build, write_graphs
from export.phases import Workshop
from tests.support.random_checkpoint import write_random_checkpoint

EMBEDDED_CHECKPOINT = os.environ.get("LIKENESS_BASE_MODEL", "faceworld/checkpoint")
SERVING = Settings(max_rows=8)

# Servers are started as other users, which takes a fork, and gRPC's handlers crash in the child.
os.environ["GRPC_ENABLE_FORK_SUPPORT"] = "0"

settings.register_profile("likeness", deadline=None)  # a busy machine is slow, not wrong
settings.load_profile("likeness")


@pytest.fixture(scope="session")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory of all processes of this test run."""
    own = tmp_path_factory.getbasetemp()
    return own.parent if "PYTEST_XDIST_WORKER" in os.environ else own


@pytest.fixture(scope="session")
def exported_checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_random_checkpoint(tmp_path_factory.mktemp("exported") / "checkpoint")


@pytest.fixture(scope="session")
def exported_model(exported_checkpoint: Path) -> BaseModel:
    return load(exported_checkpoint)


@pytest.fixture(scope="session")
def bundle(
    exported_model: BaseModel, shared: Path, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """A process's own; its phases are done by one process of the test run for all."""
    out = tmp_path_factory.mktemp("serving") / "bundle"
    with FileLock(shared / "workshop.lock"):
        build(exported_model, out, SERVING, Workshop(shared / "workshop", lambda _: None))
    return out


@pytest.fixture(scope="session")
def workshop(bundle: Path, shared: Path, tmp_path_factory: pytest.TempPathFactory) -> Workshop:
    """A process's own, with the phases of :func:`bundle`."""
    with FileLock(shared / "workshop.lock"):
        own = shutil.copytree(shared / "workshop", tmp_path_factory.mktemp("workshop") / "copy")
    return Workshop(own, lambda _: None)


@pytest.fixture(scope="session")
def onnx_files(exported_model: BaseModel, workshop: Workshop) -> dict[str, Path]:
    return write_graphs(exported_model, workshop)


@pytest.fixture(scope="session")
def export_embedded(
    shared: Path, tmp_path_factory: pytest.TempPathFactory
) -> Callable[[str], Path]:
    """Exports the embedded checkpoint for a target; each phase once in a test run."""
    folder = tmp_path_factory.mktemp("embedded")

    @cache
    def export(target: str) -> Path:
        arguments = ["--checkpoint", EMBEDDED_CHECKPOINT, "--out", str(folder / target)]
        options = ["--target", target, "--work", str(shared / "embedded")]
        with FileLock(shared / "embedded.lock"):
            result = CliRunner().invoke(app, [*arguments, *options])
        assert result.exit_code == 0, result.stderr
        return folder / target

    return export


@pytest.fixture(scope="session")
def triton(bundle: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[TritonServer]:
    with TritonServer(bundle, tmp_path_factory.mktemp("triton"), threads=1) as server:
        yield server
