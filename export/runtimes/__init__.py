"""What runs an exported graph, behind one small interface; nothing here needs torch."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

import numpy.typing as npt

THREADS = "LIKENESS_ENGINE_THREADS"
"""Environment variable: CPU threads of each engine; 0 or unset: as many as there are cores."""

Array = npt.NDArray[Any]


class Runtime(Protocol):
    """A loaded graph."""

    def __call__(self, inputs: Mapping[str, Array]) -> Array:
        """Runs the graph on named inputs; its one output."""
        ...


def load(engine: str, directory: Path, threads: int = 0) -> Runtime:
    """Loads the graph in a directory that export wrote.

    Args:
        engine: what the graph was compiled for.
        directory: holds ``model.xml`` or ``model.onnx``.
        threads: CPU threads; 0: as many as the process may use.

    Raises:
        ValueError: there is no runtime for the engine.
    """
    # The engines' libraries are heavy, and a process needs just one of them.
    if engine == "openvino":
        from export.runtimes.openvino_runtime import OpenVinoRuntime

        return OpenVinoRuntime(directory / "model.xml", threads)
    if engine == "onnxruntime":
        from export.runtimes.onnxruntime_runtime import OnnxRuntime

        return OnnxRuntime(directory / "model.onnx", threads)
    raise ValueError(f"no runtime for {engine} on a CPU: its engines run on a GPU")
