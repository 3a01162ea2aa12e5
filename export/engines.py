"""What a graph can be compiled to."""

import shutil
from collections.abc import Callable
from pathlib import Path

from export.tensorrt_rtx import compile_engine


def to_openvino(onnx: Path, directory: Path, max_batch: int) -> None:  # noqa: ARG001
    """``model.xml`` and ``model.bin``, weights in float32."""
    import openvino

    model = openvino.Core().read_model(onnx)
    openvino.save_model(model, directory / "model.xml", compress_to_fp16=False)


def to_onnxruntime(onnx: Path, directory: Path, max_batch: int) -> None:  # noqa: ARG001
    """``model.onnx`` and its weights, as they are."""
    for file in onnx.parent.glob(f"{onnx.name}*"):
        shutil.copy(file, directory)


def to_tensorrt_rtx(onnx: Path, directory: Path, max_batch: int) -> None:
    """``model.engine``."""
    compile_engine(onnx, directory / "model.engine", max_batch)


COMPILERS: dict[str, Callable[[Path, Path, int], None]] = {
    "openvino": to_openvino,
    "onnxruntime": to_onnxruntime,
    "tensorrt-rtx": to_tensorrt_rtx,
}
"""By engine: takes the ONNX file, the directory to write to, and the most rows of a call."""
