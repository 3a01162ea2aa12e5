"""What can't be exported is told in one line, before the work, and leaves nothing behind."""

import json
import os
import shutil
from pathlib import Path
from unittest.mock import Mock

import pytest
from safetensors.torch import load_file, save_file
from typer.testing import CliRunner

import export.room
from basemodel.configs import CONFIGS, SCHEDULER, TEXT_ENCODER, UNET, VAE
from basemodel.source import EXTRAS, WEIGHTS
from export.__main__ import app
from export.engines import to_openvino
from export.manifest import EngineManifest, EngineMismatchError
from export.room import require_one_disk, require_room
from export.runtimes import tensorrt_rtx_runtime
from export.runtimes.tensorrt_rtx_runtime import TensorRtRtx
from export.supported import ExportError
from export.target import Precision, Target
from export.tensorrt_library import TensorRt, gpu_capability

SDXL = {
    "addition_embed_type": "text_time",
    "addition_time_embed_dim": 256,
    "cross_attention_dim": 2048,
    "projection_class_embeddings_input_dim": 2816,
    "transformer_layers_per_block": [1, 2, 10],
}
"""What tells the U-Net of Stable Diffusion XL from that of 1.x and 2.x."""
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
        (
            ["--target", "tensorrt-rtx", "--precision", "bf16", "--capability", "7.5"],
            "--precision bf16 needs compute capability 8.0, and 7.5 is older",
        ),
        pytest.param(["--target", "tensorrt"], "tensorrt is not installed", marks=NO_GPU),
        (["--max-size", "100"], "--max-size must be a multiple of 64, got 100"),
        (["--min-size", "128"], "--min-size 128 to --max-size 128 leaves out"),
    ],
)
def test_options_that_do_not_fit(
    exported_checkpoint: Path, tmp_path: Path, options: list[str], message: str
) -> None:
    assert message in export_fails(exported_checkpoint, tmp_path / "bundle", *options)


@pytest.mark.parametrize("name", [*WEIGHTS, *CONFIGS, "tokenizer/tokenizer.json"])
def test_a_file_that_is_missing(exported_checkpoint: Path, tmp_path: Path, name: str) -> None:
    broken = shutil.copytree(exported_checkpoint, tmp_path / "broken")
    (broken / name).unlink()
    assert f"no {name}" in export_fails(broken, tmp_path / "bundle")


@pytest.mark.parametrize("name", WEIGHTS)
def test_a_tensor_that_is_missing(exported_checkpoint: Path, tmp_path: Path, name: str) -> None:
    broken = shutil.copytree(exported_checkpoint, tmp_path / "broken")
    tensors = load_file(broken / name)
    first = min(tensors)
    del tensors[first]
    save_file(tensors, broken / name, {"format": "pt"})
    message = f"{broken / name.split('/')[0]} have no {first}: fetch them again"
    assert message in export_fails(broken, tmp_path / "bundle")


@pytest.mark.parametrize("name", WEIGHTS)
def test_weights_that_are_cut_short(exported_checkpoint: Path, tmp_path: Path, name: str) -> None:
    broken = shutil.copytree(exported_checkpoint, tmp_path / "broken")
    os.truncate(broken / name, (broken / name).stat().st_size // 2)
    assert name in export_fails(broken, tmp_path / "bundle")


@pytest.mark.parametrize(
    ("name", "change", "message"),
    [
        (UNET, SDXL, 'addition_embed_type "text_time" is not supported, only null'),
        (UNET, {"cross_attention_dim": 2048}, "cross_attention_dim 2048 is not supported, only 32"),
        (UNET, {"in_channels": 9}, "in_channels 9 is not supported, only 4, the latent_channels"),
        (UNET, {"out_channels": 8}, "out_channels 8 is not supported, only 4"),
        (UNET, {"num_class_embeds": 3}, "num_class_embeds 3 is not supported"),
        (UNET, {"_class_name": "UNet3D"}, '_class_name "UNet3D" is not supported'),
        (UNET, {"sample_size": None}, "sample_size null is not supported, only a number"),
        (UNET, {"sample_size": [8, 8, 8]}, "sample_size [8, 8, 8] is not supported"),
        (VAE, {"_class_name": "VQModel"}, '_class_name "VQModel" is not supported'),
        (
            TEXT_ENCODER,
            {"architectures": ["T5EncoderModel"]},
            'architectures ["T5EncoderModel"] is not supported, only ["CLIPTextModel"]',
        ),
        (SCHEDULER, {"num_train_timesteps": 100}, "num_train_timesteps 100 is not supported"),
        (
            SCHEDULER,
            {"prediction_type": "sample"},
            'prediction_type "sample" is not supported, only "epsilon" or "v_prediction"',
        ),
        (SCHEDULER, {"beta_schedule": "steep"}, 'beta_schedule "steep" is not supported'),
    ],
)
def test_a_model_of_another_kind(
    exported_checkpoint: Path, tmp_path: Path, name: str, change: dict[str, object], message: str
) -> None:
    other = changed(exported_checkpoint, tmp_path / "other", name, change)
    for weights in WEIGHTS:  # are not even looked at
        os.truncate(other / weights, 0)
    assert f"{name}: {message}" in export_fails(other, tmp_path / "bundle")


@pytest.mark.parametrize(
    ("name", "change", "message"),
    [
        (UNET, {"block_out_channels": [16, 16, 16, 32]}, "unet can't be loaded, fetch it again: "),
        (TEXT_ENCODER, {"num_hidden_layers": "two"}, "text_encoder can't be loaded, fetch it"),
        (SCHEDULER, {"beta_start": "little"}, "scheduler_config.json gives no schedule"),
        (EXTRAS, {"initial_words": {"person": "ann"}}, "likeness.json: initial_words is no"),
        (EXTRAS, {"initial_words": ["ann"]}, "likeness.json: initial_words is no object"),
    ],
)
def test_a_config_of_other_values(
    exported_checkpoint: Path, tmp_path: Path, name: str, change: dict[str, object], message: str
) -> None:
    other = changed(exported_checkpoint, tmp_path / "other", name, change)
    assert message in export_fails(other, tmp_path / "bundle")


@pytest.mark.parametrize(
    ("name", "field"),
    [(UNET, "sample_size"), (UNET, "in_channels"), (TEXT_ENCODER, "hidden_size")],
)
def test_a_config_without_a_size(
    exported_checkpoint: Path, tmp_path: Path, name: str, field: str
) -> None:
    other = shutil.copytree(exported_checkpoint, tmp_path / "other")
    config = json.loads((other / name).read_text())
    del config[field]
    (other / name).write_text(json.dumps(config))
    assert f"{name} has no {field}" in export_fails(other, tmp_path / "bundle")


@pytest.mark.parametrize("content", [b"{", b"[]", b"\xff"])
@pytest.mark.parametrize("name", [*CONFIGS, EXTRAS])
def test_a_config_that_is_no_json(
    exported_checkpoint: Path, tmp_path: Path, name: str, content: bytes
) -> None:
    other = shutil.copytree(exported_checkpoint, tmp_path / "other")
    (other / name).write_bytes(content)
    assert f"{name} can't be read" in export_fails(other, tmp_path / "bundle")


def changed(checkpoint: Path, copy: Path, name: str, change: dict[str, object]) -> Path:
    """A copy of the checkpoint with other values in one of its JSON files."""
    shutil.copytree(checkpoint, copy)
    file = copy / name
    found = json.loads(file.read_text()) if file.exists() else {}
    file.write_text(json.dumps(found | change))
    return copy


def test_an_engine_that_is_not_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    engine = tmp_path / "model.plan"
    engine.write_bytes(b"half")
    made = ("tensorrt-rtx", "1.0", ["8.9"], "fp16", [], 1.0)
    EngineManifest("unet", "sha256:base", "sha256:onnx", *made).save(engine)
    runtime = Mock(**{"return_value.deserialize_cuda_engine.return_value": None})
    stub = TensorRt(Target.TENSORRT_RTX, Mock(Runtime=runtime), "1.0")
    monkeypatch.setattr(tensorrt_rtx_runtime, "library", lambda _: stub)
    monkeypatch.setattr(tensorrt_rtx_runtime, "gpu_capability", lambda: "8.9")
    with pytest.raises(EngineMismatchError, match=r"model\.plan can't be read: export it again"):
        TensorRtRtx(tmp_path, "sha256:base")


def test_a_graph_that_openvino_can_not_read(tmp_path: Path) -> None:
    onnx = tmp_path / "model.onnx"
    onnx.write_bytes(b"not a graph")
    with pytest.raises(RuntimeError, match=r"(?s)openvino can't read .*; delete it and export"):
        to_openvino(onnx, tmp_path)


def test_a_workshop_on_another_disk(exported_checkpoint: Path, tmp_path: Path) -> None:
    memory = Path("/dev/shm") / tmp_path.name
    options = ["--work", str(memory / "work")]
    assert "below one mount point" in export_fails(
        exported_checkpoint, tmp_path / "bundle", *options
    )
    assert not memory.exists()


def test_a_mount_point_can_not_be_replaced() -> None:
    with pytest.raises(ExportError, match="below one mount point"):
        require_one_disk(Path("/dev/shm/work"), Path("/dev/shm"))


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


def test_what_an_earlier_export_left_needs_no_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    checkpoint = sparse_checkpoint(tmp_path / "checkpoint", 1 << 20)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: Mock(free=1 << 20))
    made = tmp_path / "work/onnx-fp16"
    made.mkdir(parents=True)
    graph = made / "model.onnx.data"
    graph.write_bytes(bytes(2 << 20))
    os.link(graph, made / "another name of the same bytes")
    with pytest.raises(ExportError, match="of disk at"):
        require_room(checkpoint, tmp_path / "work", Precision.FP16, made=[made])
    (made / "model.plan").write_bytes(bytes(2 << 20))
    require_room(checkpoint, tmp_path / "work", Precision.FP16, made=[made])


def test_too_little_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    checkpoint = sparse_checkpoint(tmp_path / "checkpoint", 1 << 30)
    monkeypatch.setattr(export.room, "_available_memory", lambda: 2 << 30)
    with pytest.raises(ExportError, match=r"GiB of memory, and 2\.0 GiB are free"):
        require_room(checkpoint, tmp_path / "out", Precision.FP16)


def test_enough_of_both(exported_checkpoint: Path, tmp_path: Path) -> None:
    require_room(exported_checkpoint, tmp_path / "out", Precision.FP16)
