"""TensorRT and TensorRT-RTX, which have one API: the module, its version, and its GPUs."""

import ctypes
import importlib
from ctypes.util import find_library
from dataclasses import dataclass
from typing import Any

from export.supported import ExportError
from export.target import Precision, Target

MODULES = {Target.TENSORRT: "tensorrt", Target.TENSORRT_RTX: "tensorrt_rtx_bindings"}
INSTALL = {
    Target.TENSORRT: "it comes in NVIDIA's TensorRT and Triton containers",
    Target.TENSORRT_RTX: "pip install 'likeness[tensorrt-rtx]'",
}
BF16_CAPABILITY = 8.0
"""The first that computes in bfloat16."""


@dataclass(frozen=True)
class TensorRt:
    """A library.

    Attributes:
        target: which of the two it is.
        module: its Python bindings.
        version: of the library.
    """

    target: Target
    module: Any
    version: str


def library(target: Target) -> TensorRt:
    """The library of a target. Raises :class:`ExportError` where it is not installed."""
    try:
        module = importlib.import_module(MODULES[target])
    except ImportError as error:
        raise ExportError(f"{target} is not installed ({error}); {INSTALL[target]}") from error
    return TensorRt(target, module, str(module.__version__))


def installed_version(target: Target) -> str:
    """Version of what would run a target's engines here.

    Triton's container has TensorRT's shared library, but not its Python bindings.

    Raises:
        ExportError: it is not installed.
    """
    if target is Target.TENSORRT and (found := find_library("nvinfer")) is not None:
        return version_of(ctypes.CDLL(found))
    return library(target).version


def version_of(shared: ctypes.CDLL) -> str:
    """Version of a shared library of TensorRT or TensorRT-RTX, such as ``11.1.0.106``."""
    parts = ("Major", "Minor", "Patch", "Build")
    return ".".join(str(getattr(shared, f"getInferLib{part}Version")()) for part in parts)


def capabilities(trt: TensorRt, wanted: tuple[str, ...]) -> tuple[str, ...]:
    """The compute capabilities to compile for, such as ``8.9``.

    TensorRT-RTX compiles for any GPU anywhere; TensorRT for the one in this machine.

    Raises:
        ExportError: the library can't compile for them.
    """
    if trt.target is Target.TENSORRT_RTX:
        known = sorted(_name(each) for each in dir(trt.module.ComputeCapability) if _name(each))
        for capability in wanted:
            if capability not in known:
                raise ExportError(
                    f"--capability {capability} is not one of {trt.target} {trt.version}'s: "
                    f"{', '.join(known)}"
                )
        return wanted or ("8.9",)
    here = gpu_capability()
    if here is None:
        raise ExportError(
            "tensorrt compiles on the GPU that it is for, and this machine has none; "
            "--target tensorrt-rtx compiles anywhere"
        )
    if wanted and wanted != (here,):
        raise ExportError(f"--capability {' '.join(wanted)}: the GPU of this machine has {here}")
    return (here,)


def check_precision(precision: Precision, gpus: tuple[str, ...]) -> None:
    """Raises :class:`ExportError` if one of these compute capabilities lacks the type."""
    for capability in gpus:
        if precision is Precision.BF16 and float(capability) < BF16_CAPABILITY:
            raise ExportError(
                f"--precision bf16 needs compute capability {BF16_CAPABILITY}, "
                f"and {capability} is older: take fp16"
            )


def gpu_capability() -> str | None:
    """Compute capability of this machine's GPU, if there is one."""
    import torch

    if not torch.cuda.is_available():
        return None
    major, minor = torch.cuda.get_device_capability()
    return f"{major}.{minor}"


def symbol(capability: str) -> str:
    """``SM89`` of ``8.9``."""
    return "SM" + capability.replace(".", "")


def _name(symbol_name: str) -> str:
    digits = symbol_name.removeprefix("SM")
    return f"{digits[:-1]}.{digits[-1]}" if digits.isdigit() else ""
