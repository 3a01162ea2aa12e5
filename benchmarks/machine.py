"""What a benchmark ran on."""

import os
import platform
import re
import time
from importlib.metadata import version
from pathlib import Path

import torch

PACKAGES = ("torch", "diffusers", "openvino", "nvidia-pytriton", "numpy")
BFLOAT16 = ("avx512_bf16", "amx_bf16")
"""Flags of processors that multiply bfloat16."""
GEMM_SIDE = 1024
GEMM_SECONDS = 0.5


def description() -> str:
    """Processor, cores, memory and versions, in one sentence each."""
    model = re.search(r"model name\s*: (.*)", Path("/proc/cpuinfo").read_text())
    flags = _flags()
    wide = [flag for flag in ("avx2", "avx512f", *BFLOAT16) if flag in flags]
    memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 2**30
    packages = ", ".join(f"{name} {version(name)}" for name in PACKAGES)
    return (
        f"{model[1] if model else platform.processor()}, {cores()} cores ({', '.join(wide)}), "
        f"{memory:.0f} GiB; Python {platform.python_version()}, {packages}; "
        "Triton 2.51 from nvidia-pytriton. No GPU."
    )


def has_bfloat16() -> bool:
    """Whether the processor multiplies bfloat16 itself; else it is emulated."""
    return not _flags().isdisjoint(BFLOAT16)


def _flags() -> set[str]:
    flags = re.search(r"flags\s*: (.*)", Path("/proc/cpuinfo").read_text())
    return set(flags[1].split()) if flags else set()


def cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0))


def gemm_flops(dtype: torch.dtype, threads: int = 0) -> float:
    """Floating-point operations a second of a large matrix product; 0 threads: on all cores."""
    torch.set_num_threads(threads or cores())
    one = torch.randn(GEMM_SIDE, GEMM_SIDE).to(dtype)
    torch.mm(one, one)
    best, began = float("inf"), time.monotonic()
    while time.monotonic() - began < GEMM_SECONDS:
        called = time.monotonic()
        torch.mm(one, one)
        best = min(best, time.monotonic() - called)
    return float(2 * GEMM_SIDE**3 / best)
