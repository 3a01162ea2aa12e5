"""Triton's model repository: each model's ``config.pbtxt`` and its entry point."""

from pathlib import Path

from export.graphs import Graph
from identity import ServingBundle

Tensor = tuple[str, str, tuple[int, ...]]
"""Name, Triton's data type, dims (-1: any size)."""

WARM_ROWS = (1, 2)
"""Batch sizes that are run once while loading: the first call of a size is slow."""

ENGINE_ENTRY = '''"""Runs the graph that lies beside this file."""

from export.runtimes.triton_model import TritonPythonModel

__all__ = ["TritonPythonModel"]
'''

SAMPLER_ENTRY = '''"""The denoising loop."""

from sampler.triton_model import TritonPythonModel

__all__ = ["TritonPythonModel"]
'''


def add_engine(models: Path, graph: Graph, engine: str) -> Path:
    """Adds a graph's model; the directory that takes its compiled files."""
    inputs: list[Tensor] = [(name, "TYPE_FP32", tuple(graph.dims(name))) for name in graph.inputs]
    outputs: list[Tensor] = [(graph.output, "TYPE_FP32", (-1, *graph.output_shape))]
    config = [
        *_head(graph.name),
        *_tensors("input", inputs),
        *_tensors("output", outputs),
        f'parameters {{ key: "engine" value {{ string_value: "{engine}" }} }}',
        *(_warmup(graph, rows) for rows in WARM_ROWS),
    ]
    return _write(models / graph.name, config, ENGINE_ENTRY)


def add_sampler(models: Path, bundle: ServingBundle) -> None:
    """Adds the decoupled sampler."""
    window = bundle.text_window
    inputs: list[Tensor] = [
        ("prompt_ids", "TYPE_INT64", (window,)),
        ("negative_ids", "TYPE_INT64", (window,)),
        ("seeds", "TYPE_INT64", (-1,)),
        ("steps", "TYPE_INT32", (1,)),
        ("guidance_scale", "TYPE_FP32", (1,)),
    ]
    optional: list[Tensor] = [
        ("placeholder_positions", "TYPE_INT32", (-1,)),
        ("placeholder_identities", "TYPE_INT32", (-1,)),
        ("identities", "TYPE_FP32", (-1, bundle.stages, 2, bundle.token_width)),
    ]
    outputs: list[Tensor] = [
        ("progress", "TYPE_INT32", (2,)),
        ("image", "TYPE_UINT8", (-1, -1, 3)),
        ("image_index", "TYPE_INT32", (1,)),
    ]
    config = [
        *_head("sampler"),
        "model_transaction_policy { decoupled: true }",
        *_tensors("input", inputs),
        *_tensors("input", optional, optional=True),
        *_tensors("output", outputs),
    ]
    _write(models / "sampler", config, SAMPLER_ENTRY)


def _head(name: str) -> list[str]:
    # The batch is an ordinary axis: the sampler forms batches itself, Triton must not.
    return [
        f'name: "{name}"',
        'backend: "python"',
        "max_batch_size: 0",
        "instance_group { kind: KIND_CPU count: 1 }",
    ]


def _tensors(kind: str, tensors: list[Tensor], *, optional: bool = False) -> list[str]:
    suffix = " optional: true" if optional else ""
    return [
        f'{kind} {{ name: "{name}" data_type: {data_type} dims: {list(dims)}{suffix} }}'
        for name, data_type, dims in tensors
    ]


def _warmup(graph: Graph, rows: int) -> str:
    zeros = " ".join(
        f'inputs {{ key: "{name}" value {{ data_type: TYPE_FP32 '
        f"dims: {[rows, *example.shape[1:]]} zero_data: true }} }}"
        for name, example in graph.inputs.items()
    )
    return f'model_warmup {{ name: "{rows} rows" {zeros} }}'


def _write(model: Path, config: list[str], entry: str) -> Path:
    version = model / "1"
    version.mkdir(parents=True)
    (model / "config.pbtxt").write_text("\n".join(config) + "\n")
    (version / "model.py").write_text(entry)
    return version
