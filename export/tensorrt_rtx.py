"""ONNX to an engine of TensorRT-RTX, ahead of time: no GPU is needed to compile."""

from pathlib import Path
from typing import Any

TYPICAL_BATCH = 2
"""Rows that an engine is tuned for: one picture with guidance."""


def compile_engine(onnx: Path, engine: Path, max_batch: int, capability: str = "SM89") -> None:
    """Compiles an engine for batches of 1 to ``max_batch`` rows.

    Args:
        onnx: the graph, its first axis free.
        engine: file to write.
        max_batch: most rows of a call.
        capability: compute capability of the GPU it is for; SM89 is Ada (RTX 40).

    Raises:
        RuntimeError: TensorRT can't compile the graph; the message is its own.
    """
    import tensorrt_rtx_bindings as trt

    messages: list[str] = []

    class Logger(trt.ILogger):  # type: ignore[misc]
        def __init__(self) -> None:
            trt.ILogger.__init__(self)

        def log(self, severity: Any, message: str) -> None:
            if severity <= trt.ILogger.ERROR:
                messages.append(message)

    logger = Logger()
    builder = trt.Builder(logger)
    network = builder.create_network(1 << int(trt.NetworkDefinitionCreationFlag.STRONGLY_TYPED))
    parser = trt.OnnxParser(network, logger)
    if not parser.parse_from_file(str(onnx)):
        raise RuntimeError(f"TensorRT-RTX can't read {onnx.name}: {parser.get_error(0).desc()}")
    config = builder.create_builder_config()
    config.num_compute_capabilities = 1
    config.set_compute_capability(getattr(trt.ComputeCapability, capability), 0)
    profile = builder.create_optimization_profile()
    for tensor in (network.get_input(index) for index in range(network.num_inputs)):
        rest = tuple(tensor.shape)[1:]
        profile.set_shape(
            tensor.name,
            min=(1, *rest),
            opt=(min(TYPICAL_BATCH, max_batch), *rest),
            max=(max_batch, *rest),
        )
    config.add_optimization_profile(profile)
    compiled = builder.build_serialized_network(network, config)
    if compiled is None:
        raise RuntimeError(f"TensorRT-RTX can't compile {onnx.name}: {'; '.join(messages)}")
    engine.write_bytes(memoryview(compiled))
