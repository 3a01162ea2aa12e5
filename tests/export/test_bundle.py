"""The bundle is whole or not there, and made again only when needed."""

import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from diffusers import UNet2DConditionModel

from basemodel import BaseModel, load
from export.build import build, record, up_to_date
from export.supported import ExportError, check_supported
from identity import ServingBundle


def export(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "export", *arguments], capture_output=True, text=True, check=False
    )


def test_describes_the_base_model(bundle: Path, exported_model: BaseModel) -> None:
    described = ServingBundle.load(bundle)
    assert described.base_model_digest == exported_model.digest
    assert (described.stages, described.engine, described.max_rows) == (5, "openvino", 8)
    embeddings = np.load(bundle / "token_embeddings.npy")
    assert embeddings.dtype == np.float32
    assert embeddings.shape[1] == described.token_width
    prompt = "a photo of a person"
    ours = described.tokenizer(bundle)(prompt).token_ids
    assert (ours == exported_model.tokenizer(prompt).token_ids).all()


def test_is_not_made_again_when_up_to_date(bundle: Path, exported_checkpoint: Path) -> None:
    before = (bundle / "bundle.json").stat()
    arguments = ("--checkpoint", str(exported_checkpoint), "--out", str(bundle), "--max-rows", "8")
    result = export(*arguments)
    assert result.returncode == 0, result.stderr
    assert "up to date" in result.stderr
    after = (bundle / "bundle.json").stat()
    assert (after.st_ino, after.st_mtime_ns) == (before.st_ino, before.st_mtime_ns)


def test_is_out_of_date_for_another_model_engine_or_size(
    bundle: Path, exported_model: BaseModel
) -> None:
    digest = exported_model.digest
    assert up_to_date(bundle, record(digest, "openvino", 8))
    assert not up_to_date(bundle, record("sha256:0", "openvino", 8))
    assert not up_to_date(bundle, record(digest, "onnxruntime", 8))
    assert not up_to_date(bundle, record(digest, "openvino", 16))


def test_replaces_an_older_bundle(
    exported_model: BaseModel, onnx_files: dict[str, Path], tmp_path: Path
) -> None:
    out = tmp_path / "bundle"
    for rows in (4, 6):
        build(exported_model, onnx_files, out, "onnxruntime", rows, lambda _: None)
    assert ServingBundle.load(out).max_rows == 6
    assert [each.name for each in tmp_path.iterdir()] == ["bundle"]


def test_leaves_other_peoples_files_alone(
    exported_model: BaseModel, onnx_files: dict[str, Path], tmp_path: Path
) -> None:
    (tmp_path / "thesis.txt").write_text("years of work")
    with pytest.raises(ExportError, match="not a serving bundle"):
        build(exported_model, onnx_files, tmp_path, "onnxruntime", 4, lambda _: None)
    assert (tmp_path / "thesis.txt").exists()


def test_a_failed_export_leaves_the_old_bundle(
    exported_model: BaseModel, onnx_files: dict[str, Path], tmp_path: Path
) -> None:
    out = tmp_path / "bundle"
    build(exported_model, onnx_files, out, "onnxruntime", 4, lambda _: None)
    truncated = tmp_path / "truncated.onnx"
    truncated.write_bytes(onnx_files["unet"].read_bytes()[:1000])
    with pytest.raises(RuntimeError):
        build(exported_model, {**onnx_files, "unet": truncated}, out, "openvino", 4, lambda _: None)
    assert ServingBundle.load(out).engine == "onnxruntime"
    assert sorted(each.name for each in tmp_path.iterdir()) == ["bundle", "truncated.onnx"]


def test_says_in_one_line_which_file_is_missing(exported_checkpoint: Path, tmp_path: Path) -> None:
    broken = shutil.copytree(exported_checkpoint, tmp_path / "broken")
    (broken / "vae/config.json").unlink()
    result = export("--checkpoint", str(broken), "--out", str(tmp_path / "bundle"))
    assert result.returncode == 1
    assert len(result.stderr.splitlines()) == 1
    assert "no vae/config.json" in result.stderr
    assert not (tmp_path / "bundle").exists()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"num_class_embeds": 3}, "num_class_embeds 3"),
        ({"in_channels": 9}, "in_channels 9 is not supported; the VAE's latents have 4"),
    ],
)
def test_names_the_field_of_an_unsupported_unet(
    exported_checkpoint: Path, tmp_path: Path, change: dict[str, int], message: str
) -> None:
    other = shutil.copytree(exported_checkpoint, tmp_path / "other")
    config = UNet2DConditionModel.load_config(other / "unet")
    UNet2DConditionModel.from_config({**config, **change}).save_pretrained(other / "unet")
    with pytest.raises(ExportError, match=rf"unet/config\.json: {message}"):
        check_supported(load(other))
