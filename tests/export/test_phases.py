"""A phase is done once, and again when its inputs changed or what it left is not whole."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from export.phases import Phase, Workshop
from export.supported import ExportError

KILLED_MIDWAY = """
import os, signal, sys
from pathlib import Path
from export.phases import Workshop

def make(folder):
    (folder / "half").write_text("half")
    os.kill(os.getpid(), signal.SIGKILL)

Workshop(Path(sys.argv[1]), lambda _: None).run("phase", {}, make)
"""


class Maker:
    """Counts how often it was asked."""

    def __init__(self) -> None:
        self.calls = 0

    def __call__(self, folder: Path) -> None:
        self.calls += 1
        (folder / "model.onnx").write_bytes(b"graph" * 1000)
        (folder / "model.onnx.data").write_bytes(b"weights")


@pytest.fixture
def shop(tmp_path: Path) -> Workshop:
    return Workshop(tmp_path / "work", lambda _: None)


def test_is_done_once(shop: Workshop) -> None:
    make = Maker()
    for _ in range(2):
        folder = shop.run("onnx/unet", {"base": "one"}, make)
    assert make.calls == 1
    assert (folder / "model.onnx").is_file()
    first, second = shop.done
    assert first == second
    assert first.peak_bytes > 0


def test_its_seconds_are_told_when_it_ends(tmp_path: Path) -> None:
    ended: list[Phase] = []
    shop = Workshop(tmp_path / "work", lambda _: None, ended.append)
    for _ in range(2):
        shop.run("onnx", {}, Maker())
    assert ended == shop.done[:1]


def test_a_peak_that_can_not_be_forgotten(shop: Workshop, monkeypatch: pytest.MonkeyPatch) -> None:
    write = Path.write_text

    def refuse(path: Path, text: str) -> int:
        if path.name == "clear_refs":
            raise PermissionError
        return write(path, text)

    monkeypatch.setattr(Path, "write_text", refuse)
    shop.run("onnx", {}, Maker())
    assert shop.done[0].peak_bytes > 0


def test_is_done_again_for_other_inputs(shop: Workshop) -> None:
    make = Maker()
    shop.run("onnx", {"base": "one"}, make)
    shop.run("onnx", {"base": "another"}, make)
    assert make.calls == 2


@pytest.mark.parametrize("name", ["model.onnx", "model.onnx.data", "phase.json"])
def test_a_truncated_file_is_made_again(shop: Workshop, name: str) -> None:
    make = Maker()
    folder = shop.run("onnx", {}, make)
    os.truncate(folder / name, 5)
    shop.run("onnx", {}, make)
    assert make.calls == 2
    assert (folder / "model.onnx").stat().st_size == 5000


def test_a_killed_phase_leaves_nothing_that_is_taken_for_whole(shop: Workshop) -> None:
    command = [sys.executable, "-c", KILLED_MIDWAY, str(shop.directory)]
    assert subprocess.run(command, check=False).returncode == -signal.SIGKILL
    assert not (shop.directory / "phase").exists()
    make = Maker()
    folder = shop.run("phase", {}, make)
    assert sorted(path.name for path in folder.iterdir()) == [
        "model.onnx",
        "model.onnx.data",
        "phase.json",
    ]
    assert [path.name for path in shop.directory.iterdir()] == ["phase"]


def test_two_exports_do_not_share_a_directory(shop: Workshop) -> None:
    with (
        shop.locked(),
        pytest.raises(ExportError, match="another export is at work"),
        Workshop(shop.directory, lambda _: None).locked(),
    ):
        pass
