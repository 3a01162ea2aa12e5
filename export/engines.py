"""Compiles an ONNX graph for a target."""

import os
import shutil
import time
from dataclasses import asdict
from pathlib import Path

from export.manifest import EngineManifest
from export.phases import RECORD
from export.profiles import Profile
from export.target import Target
from export.tensorrt_engine import Compilation, compile_engine, engine_name
from export.tensorrt_library import library


def to_openvino(onnx: Path, directory: Path) -> None:
    """``model.xml`` and ``model.bin``, weights as they are.

    Raises:
        RuntimeError: OpenVINO can't read the graph.
    """
    import openvino

    try:
        model = openvino.Core().read_model(onnx)
    except RuntimeError as error:
        reason = str(error).strip()
        raise RuntimeError(
            f"openvino can't read {onnx}: {reason}; delete it and export again"
        ) from error
    openvino.save_model(model, directory / "model.xml", compress_to_fp16=False)


def to_onnxruntime(onnx: Path, directory: Path) -> None:
    """``model.onnx`` and its weights, the same files under another name where that is possible."""
    for file in onnx.parent.iterdir():
        if file.name != RECORD:
            place(file, directory / file.name)


def to_tensorrt(
    onnx: Path,
    directory: Path,
    target: Target,
    profiles: list[Profile],
    compilation: Compilation,
    made_from: dict[str, str],
) -> None:
    """A ``.plan`` named for library, version and GPUs, and its manifest.

    Args:
        onnx: the graph.
        directory: where to write.
        target: TensorRT or TensorRT-RTX.
        profiles: shapes to tune for.
        compilation: GPUs and limits.
        made_from: ``graph``, ``base_model_digest``, ``onnx_digest`` and ``precision`` for the
            manifest.

    Raises:
        RuntimeError: the graph can't be read or compiled.
    """
    trt = library(target)
    engine = directory / engine_name(trt, compilation.capabilities)
    began = time.monotonic()
    compile_engine(trt, onnx, engine, profiles, compilation)
    EngineManifest(
        **made_from,
        library=target,
        version=trt.version,
        capabilities=compilation.capabilities,
        profiles=[asdict(profile) for profile in profiles],
        build_seconds=round(time.monotonic() - began, 2),
    ).save(engine)


def place(source: Path, destination: Path) -> None:
    """The same bytes under another name: stored once, unless they lie on different disks."""
    try:
        os.link(source, destination)
    except OSError:
        shutil.copy(source, destination)
