"""ONNX to a TensorRT or TensorRT-RTX engine."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from export.manifest import PLAN
from export.profiles import Profile
from export.target import Target
from export.tensorrt_library import TensorRt, symbol

TICKS = 1000


@dataclass(frozen=True)
class Compilation:
    """How to compile.

    Attributes:
        capabilities: compute capabilities of the GPUs, such as ``8.9``.
        workspace: bytes of GPU memory that an engine may use for its scratch; None: all there is.
        timing_cache: file of kernel timings that engines of the same layers share; made if missing.
    """

    capabilities: tuple[str, ...] = ()
    workspace: int | None = None
    timing_cache: Path | None = None


def engine_name(trt: TensorRt, capabilities: tuple[str, ...]) -> str:
    """Name of an engine's file: what it was compiled by and for."""
    gpus = "-".join(symbol(each).lower() for each in capabilities)
    return f"model.{trt.target}-{trt.version}.{gpus}{PLAN}"


def compile_engine(
    trt: TensorRt, onnx: Path, engine: Path, profiles: list[Profile], compilation: Compilation
) -> None:
    """Compiles a strongly typed engine: every layer in the type that the graph gives it.

    Args:
        trt: the library.
        onnx: the graph.
        engine: file to write.
        profiles: shapes to tune for.
        compilation: GPUs and limits.

    Raises:
        RuntimeError: the graph can't be read or compiled; the message is the library's own.
    """
    module = trt.module
    messages: list[str] = []

    class Logger(module.ILogger):  # type: ignore[misc, name-defined]
        def __init__(self) -> None:
            module.ILogger.__init__(self)

        def log(self, severity: Any, message: str) -> None:
            if severity <= module.ILogger.ERROR:
                messages.append(message)

    logger = Logger()
    builder = module.Builder(logger)
    network = builder.create_network(1 << int(module.NetworkDefinitionCreationFlag.STRONGLY_TYPED))
    parser = module.OnnxParser(network, logger)
    if not parser.parse_from_file(str(onnx)):
        reason = parser.get_error(0).desc() if parser.num_errors else "; ".join(messages)
        raise RuntimeError(f"{trt.target} can't read {onnx}: {reason}; delete it and export again")
    config = builder.create_builder_config()
    if trt.target is Target.TENSORRT_RTX:
        config.num_compute_capabilities = len(compilation.capabilities)
        for index, capability in enumerate(compilation.capabilities):
            known = getattr(module.ComputeCapability, symbol(capability))
            config.set_compute_capability(known, index)
    if compilation.workspace is not None:
        config.set_memory_pool_limit(module.MemoryPoolType.WORKSPACE, compilation.workspace)
    for each in profiles:
        profile = builder.create_optimization_profile()
        for name, (low, tuned, high) in each.shapes.items():
            profile.set_shape(name, min=low, opt=tuned, max=high)
        config.add_optimization_profile(profile)
    cache = _load_timings(config, compilation.timing_cache)
    compiled = builder.build_serialized_network(network, config)
    if compiled is None:
        raise RuntimeError(f"{trt.target} can't compile {onnx.name}: {'; '.join(messages)}")
    with engine.open("wb") as file:
        file.write(memoryview(compiled))
    if compilation.timing_cache is not None and cache is not None:
        _save_timings(cache, compilation.timing_cache)


def _load_timings(config: Any, file: Path | None) -> Any:
    if file is None:
        return None
    cache = config.create_timing_cache(file.read_bytes() if file.is_file() else b"")
    # What another version or GPU has timed is refused by the library, and the file made anew.
    if cache is None or not config.set_timing_cache(cache, ignore_mismatch=False):
        cache = config.create_timing_cache(b"")
        config.set_timing_cache(cache, ignore_mismatch=False)
    return config.get_timing_cache()


def _save_timings(cache: Any, file: Path) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    aside = file.with_name(file.name + ".new")
    aside.write_bytes(memoryview(cache.serialize()))
    aside.rename(file)
