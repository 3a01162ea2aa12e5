"""Triton's model repository: each model's ``config.pbtxt`` and its entry point."""

from pathlib import Path

from export.graphs import Graph
from export.manifest import PLAN, EngineManifest
from export.profiles import Profile
from export.target import Target
from export.tensorrt_config import tensorrt_config

Tensor = tuple[str, str, tuple[int, ...]]
"""Name, Triton's data type, dims (-1: any size)."""

WARM_ROWS = (1, 2)
"""Batch sizes that are run once while loading: the first call of a size is slow."""

STAY_ON_GPU = ('parameters { key: "FORCE_CPU_ONLY_INPUT_TENSORS" value { string_value: "no" } }',)
"""Without it the Python backend moves each input to the host before the model sees it."""

ENGINE_ENTRY = '''"""Runs the graph that lies beside this file."""

from export.runtimes.triton_model import TritonPythonModel

__all__ = ["TritonPythonModel"]
'''

GPU_ENGINE_ENTRY = '''"""Runs the TensorRT-RTX engine that lies beside this file."""

from export.runtimes.triton_rtx_model import TritonPythonModel

__all__ = ["TritonPythonModel"]
'''

SAMPLER_ENTRY = '''"""The denoising loop."""

from sampler.triton_model import TritonPythonModel

__all__ = ["TritonPythonModel"]
'''


def add_engine(
    models: Path, graph: Graph, target: Target, profiles: list[Profile], files: list[Path]
) -> Path:
    """Adds a graph's model.

    Args:
        models: the model repository.
        graph: the model.
        target: what runs it.
        profiles: shapes that an engine for a GPU was tuned for.
        files: of the compiled graph.

    Returns:
        The directory that takes the files.
    """
    if target is Target.TENSORRT:
        return _write(models / graph.name, tensorrt_config(graph, profiles, _by_gpu(files)), None)
    inputs: list[Tensor] = [(name, "TYPE_FP32", tuple(graph.dims(name))) for name in graph.inputs]
    outputs: list[Tensor] = [(graph.output, "TYPE_FP32", (-1, *graph.output_shape))]
    config = [
        *_head(graph.name, on_gpu=target.on_gpu),
        *_tensors("input", inputs),
        *_tensors("output", outputs),
        f'parameters {{ key: "engine" value {{ string_value: "{target}" }} }}',
        *(STAY_ON_GPU if target.on_gpu else ()),
        *(_warmup(graph, rows) for rows in WARM_ROWS),
    ]
    entry = GPU_ENGINE_ENTRY if target.on_gpu else ENGINE_ENTRY
    return _write(models / graph.name, config, entry)


def add_sampler(models: Path) -> None:
    """Adds the sampler, which tells Triton its tensors itself."""
    _write(models / "sampler", _head("sampler"), SAMPLER_ENTRY)


def _by_gpu(files: list[Path]) -> dict[str, str]:
    """Names of the engines' files by compute capability."""
    return {
        capability: file.name
        for file in files
        if file.suffix == PLAN
        for capability in EngineManifest.load(file).capabilities
    }


def _head(name: str, *, on_gpu: bool = False) -> list[str]:
    # The batch is an ordinary axis: the sampler forms batches itself, Triton must not.
    return [
        f'name: "{name}"',
        'backend: "python"',
        "max_batch_size: 0",
        f"instance_group {{ kind: {'KIND_GPU' if on_gpu else 'KIND_CPU'} count: 1 }}",
    ]


def _tensors(kind: str, tensors: list[Tensor]) -> list[str]:
    return [
        f'{kind} {{ name: "{name}" data_type: {data_type} dims: {list(dims)} }}'
        for name, data_type, dims in tensors
    ]


def _warmup(graph: Graph, rows: int) -> str:
    zeros = " ".join(
        f'inputs {{ key: "{name}" value {{ data_type: TYPE_FP32 '
        f"dims: {[rows, *example.shape[1:]]} zero_data: true }} }}"
        for name, example in graph.inputs.items()
    )
    return f'model_warmup {{ name: "{rows} rows" {zeros} }}'


def _write(model: Path, config: list[str], entry: str | None) -> Path:
    version = model / "1"
    version.mkdir(parents=True)
    (model / "config.pbtxt").write_text("\n".join(config) + "\n")
    if entry is not None:
        (version / "model.py").write_text(entry)
    return version
