"""The bundle is whole or not there, and made again only when needed."""

import json
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from basemodel import BaseModel
from export.__main__ import app
from export.build import Settings, build, made_with, up_to_date
from export.phases import Workshop
from export.supported import ExportError
from export.target import Target
from identity import ServingBundle


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
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 0, result.stderr
    assert "up to date" in result.stderr
    after = (bundle / "bundle.json").stat()
    assert (after.st_ino, after.st_mtime_ns) == (before.st_ino, before.st_mtime_ns)


def test_is_out_of_date_for_other_models_and_options(
    bundle: Path, exported_model: BaseModel
) -> None:
    digest = exported_model.digest
    assert up_to_date(bundle, made_with(digest, Settings(max_rows=8)))
    for other in (
        made_with("sha256:0", Settings(max_rows=8)),
        made_with(digest, Settings(Target.ONNXRUNTIME, max_rows=8)),
        made_with(digest, Settings(max_rows=16)),
        made_with(digest, Settings(max_rows=8, largest=256)),
        made_with(digest, Settings(max_rows=8), "sha256:0"),
    ):
        assert not up_to_date(bundle, other)


def test_replaces_an_older_bundle(
    exported_model: BaseModel, workshop: Workshop, tmp_path: Path
) -> None:
    out = tmp_path / "bundle"
    for rows in (4, 6):
        build(exported_model, out, Settings(Target.ONNXRUNTIME, max_rows=rows), workshop)
    assert ServingBundle.load(out).max_rows == 6
    assert [each.name for each in tmp_path.iterdir()] == ["bundle"]


def test_weights_are_stored_once(
    exported_model: BaseModel, workshop: Workshop, tmp_path: Path
) -> None:
    build(exported_model, tmp_path / "bundle", Settings(Target.ONNXRUNTIME, max_rows=4), workshop)
    served = tmp_path / "bundle/models/unet/1/model.onnx.data"
    assert (
        served.stat().st_ino == (workshop.directory / "onnx-fp32/unet" / served.name).stat().st_ino
    )


def test_a_picture_size_must_be_a_multiple_and_take_in_the_own(exported_model: BaseModel) -> None:
    with pytest.raises(ExportError, match="--max-size must be a multiple of 64, got 100"):
        Settings(largest=100).sizes(exported_model)
    with pytest.raises(ExportError, match=r"128 to --max-size 256 leaves out .* 64x64"):
        Settings(smallest=128, largest=256).sizes(exported_model)


def test_previews_have_a_linear_map(bundle: Path, exported_model: BaseModel) -> None:
    matrix = np.load(bundle / "latent_rgb.npy")
    assert (matrix.shape, matrix.dtype) == ((exported_model.latent_shape[0] + 1, 3), np.float32)
    assert 0 < json.loads((bundle / "export.json").read_text())["latent_rgb_error"] < 0.3


def test_leaves_other_peoples_files_alone(
    exported_model: BaseModel, workshop: Workshop, tmp_path: Path
) -> None:
    (tmp_path / "thesis.txt").write_text("years of work")
    with pytest.raises(ExportError, match="not a serving bundle"):
        build(exported_model, tmp_path, Settings(), workshop)
    assert (tmp_path / "thesis.txt").exists()


def test_a_failed_export_leaves_the_old_bundle(
    exported_model: BaseModel,
    workshop: Workshop,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    out = tmp_path / "bundle"
    build(exported_model, out, Settings(Target.ONNXRUNTIME, max_rows=4), workshop)
    monkeypatch.setattr(ServingBundle, "save", lambda *_: (_ for _ in ()).throw(OSError("full")))
    with pytest.raises(OSError, match="full"):
        build(exported_model, out, Settings(Target.ONNXRUNTIME, max_rows=6), workshop)
    assert ServingBundle.load(out).max_rows == 4
    assert [each.name for each in tmp_path.iterdir()] == ["bundle"]


def test_what_an_export_leaves_is_found_by_the_next(bundle: Path, workshop: Workshop) -> None:
    assert bundle.exists()
    assert all((workshop.directory / name).is_dir() for name in Settings().folders)
