"""What can't be exported is told in one line, before the work, and leaves nothing behind."""

import json
import os
import shutil
from pathlib import Path

import pytest
from typer.testing import CliRunner

import export.room
from basemodel.source import WEIGHTS
from export.__main__ import app
from export.room import require_room
from export.supported import ExportError
from export.target import Precision
from export.tensorrt_library import gpu_capability

NO_GPU = pytest.mark.skipif(gpu_capability() is not None, reason="there is a GPU")


def export_fails(checkpoint: Path, out: Path, *options: str) -> str:
    """The one line that a failing export says."""
    arguments = ["--checkpoint", str(checkpoint), "--out", str(out), *options]
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 1
    assert not out.exists()
    assert len(result.stderr.splitlines()) == 1, result.stderr
    return result.stderr


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--precision", "fp16"], "--precision fp16 is for GPUs; openvino runs in fp32"),
        (["--capability", "8.9"], "--capability is for GPUs; openvino runs on CPUs"),
        (["--target", "tensorrt-rtx", "--capability", "9.0"], "--capability 9.0 is not one of"),
        pytest.param(["--target", "tensorrt"], "tensorrt is not installed", marks=NO_GPU),
        (["--max-size", "100"], "--max-size must be a multiple of 64, got 100"),
        (["--min-size", "128"], "--min-size 128 to --max-size 128 leaves out"),
    ],
)
def test_options_that_do_not_fit(
    exported_checkpoint: Path, tmp_path: Path, options: list[str], message: str
) -> None:
    assert message in export_fails(exported_checkpoint, tmp_path / "bundle", *options)


def test_a_file_that_is_missing(exported_checkpoint: Path, tmp_path: Path) -> None:
    broken = shutil.copytree(exported_checkpoint, tmp_path / "broken")
    (broken / "vae/config.json").unlink()
    assert "no vae/config.json" in export_fails(broken, tmp_path / "bundle")


@pytest.mark.parametrize("name", WEIGHTS)
def test_weights_that_are_cut_short(exported_checkpoint: Path, tmp_path: Path, name: str) -> None:
    broken = shutil.copytree(exported_checkpoint, tmp_path / "broken")
    os.truncate(broken / name, (broken / name).stat().st_size // 2)
    assert name in export_fails(broken, tmp_path / "bundle")


@pytest.mark.parametrize(
    ("name", "change", "message"),
    [
        ("unet", {"cross_attention_dim": 48}, "size mismatch"),
        (
            "unet",
            {"_class_name": "UNet3D"},
            "unet/config.json: _class_name UNet3D is not supported",
        ),
        (
            "vae",
            {"_class_name": "VQModel"},
            "vae/config.json: _class_name VQModel is not supported",
        ),
        (
            "text_encoder",
            {"architectures": ["T5EncoderModel"]},
            "text_encoder/config.json: architectures ['T5EncoderModel'] is not supported",
        ),
    ],
)
def test_a_model_of_another_architecture(
    exported_checkpoint: Path, tmp_path: Path, name: str, change: dict[str, object], message: str
) -> None:
    other = shutil.copytree(exported_checkpoint, tmp_path / "other")
    config = other / name / "config.json"
    config.write_text(json.dumps(json.loads(config.read_text()) | change))
    assert message in export_fails(other, tmp_path / "bundle")


def test_a_config_that_is_no_json(exported_checkpoint: Path, tmp_path: Path) -> None:
    other = shutil.copytree(exported_checkpoint, tmp_path / "other")
    (other / "vae/config.json").write_text("{")
    assert "vae/config.json can't be read" in export_fails(other, tmp_path / "bundle")


def sparse_checkpoint(folder: Path, unet_parameters: int) -> Path:
    """A directory whose weights are all hole: a header, and the length that it asks for."""
    for name in WEIGHTS:
        count = unet_parameters if name.startswith("unet") else 1024
        size = 4 * count
        tensor = {"dtype": "F32", "shape": [count // 1024, 1024], "data_offsets": [0, size]}
        header = json.dumps({"weight": tensor}).encode()
        file = folder / name
        file.parent.mkdir(parents=True)
        file.write_bytes(len(header).to_bytes(8, "little") + header)
        os.truncate(file, 8 + len(header) + size)
    return folder


def test_too_little_disk(tmp_path: Path) -> None:
    checkpoint = sparse_checkpoint(tmp_path / "checkpoint", 1 << 38)
    with pytest.raises(ExportError, match=r"needs about 1126\.\d GiB of disk at .* GiB are free"):
        require_room(checkpoint, tmp_path / "out", Precision.FP16)


def test_too_little_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    checkpoint = sparse_checkpoint(tmp_path / "checkpoint", 1 << 30)
    monkeypatch.setattr(export.room, "_available_memory", lambda: 2 << 30)
    with pytest.raises(ExportError, match=r"GiB of memory, and 2\.0 GiB are free"):
        require_room(checkpoint, tmp_path / "out", Precision.FP16)


def test_enough_of_both(exported_checkpoint: Path, tmp_path: Path) -> None:
    require_room(exported_checkpoint, tmp_path / "out", Precision.FP16)
