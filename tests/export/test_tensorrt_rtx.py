"""TensorRT-RTX really compiles the graphs; running them needs a GPU and is not tested."""

from pathlib import Path

import pytest

from export.engines import COMPILERS
from export.runtimes import load


@pytest.mark.parametrize("name", ["text_encoder", "unet", "vae_decoder"])
def test_compiles_every_graph(onnx_files: dict[str, Path], tmp_path: Path, name: str) -> None:
    COMPILERS["tensorrt-rtx"](onnx_files[name], tmp_path, 16)
    weights = onnx_files[name].with_name("model.onnx.data").stat().st_size
    assert (tmp_path / "model.engine").stat().st_size > weights


def test_says_that_a_graph_can_not_be_read(tmp_path: Path) -> None:
    (tmp_path / "model.onnx").write_bytes(b"not a graph")
    with pytest.raises(RuntimeError, match=r"TensorRT-RTX can't read model\.onnx"):
        COMPILERS["tensorrt-rtx"](tmp_path / "model.onnx", tmp_path, 16)
    assert not (tmp_path / "model.engine").exists()


def test_has_no_runtime_here(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="no runtime for tensorrt-rtx"):
        load("tensorrt-rtx", tmp_path)
