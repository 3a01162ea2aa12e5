"""``config.pbtxt`` of a model that Triton's own TensorRT backend runs.

One instance holds an execution context for each optimisation profile; all share the engine's
weights. For each call Triton takes the profile that is tuned nearest to its shapes. At the base
model's size a CUDA graph is captured for every number of rows, in the profile of its bucket. While
loading, Triton tries every graph in every profile and logs an error for each that does not fit:
those lines tell of no fault.

As in all models of the bundle the batch is an ordinary axis (``max_batch_size: 0``): the sampler
forms the batches, and ``timestep`` has no other axis. Triton's TensorRT backend finds the graphs of
such models since its pull request 125 (July 2026); older ones run the engine without them.
"""

from collections.abc import Iterator

from export.graphs import Graph
from export.profiles import Profile, Shape

WARM_PASSES = 2


def tensorrt_config(graph: Graph, profiles: list[Profile], files: dict[str, str]) -> list[str]:
    """Lines of the config.

    Args:
        graph: the model.
        profiles: the engine's, in its order.
        files: by compute capability, such as ``8.9``, the engine's file.
    """
    indices = ", ".join(f'"{index}"' for index in range(len(profiles)))
    return [
        f'name: "{graph.name}"',
        'platform: "tensorrt_plan"',
        "max_batch_size: 0",
        *(
            f'cc_model_filenames {{ key: "{capability}" value: "{file}" }}'
            for capability, file in files.items()
        ),
        *(
            f'input {{ name: "{name}" data_type: TYPE_FP32 dims: {graph.dims(name)} }}'
            for name in graph.inputs
        ),
        f'output {{ name: "{graph.output}" data_type: TYPE_FP32 '
        f"dims: {[-1, *graph.output_shape]} }}",
        f"instance_group {{ kind: KIND_GPU count: 1 profile: [{indices}] }}",
        "optimization {",
        "  cuda {",
        "    graphs: true",
        *(f"    graph_spec {{ batch_size: 0 {_dims(shapes)} }}" for shapes in _fixed(profiles)),
        "  }",
        "  input_pinned_memory { enable: true }",
        "  output_pinned_memory { enable: true }",
        "}",
        *(_warmup(shapes) for shapes in _fixed(profiles)),
    ]


def _fixed(profiles: list[Profile]) -> Iterator[dict[str, Shape]]:
    """The inputs' shapes for every number of rows at the base model's size."""
    for profile in profiles:
        if profile.fixed_size:
            fewest, most = profile.rows
            for rows in range(fewest, most + 1):
                yield {name: (rows, *high[1:]) for name, (_, _, high) in profile.shapes.items()}


def _dims(shapes: dict[str, Shape]) -> str:
    return " ".join(
        f'input {{ key: "{name}" value {{ dim: {list(shape)} }} }}'
        for name, shape in shapes.items()
    )


def _warmup(shapes: dict[str, Shape]) -> str:
    rows = next(iter(shapes.values()))[0]
    zeros = " ".join(
        f'inputs {{ key: "{name}" value {{ data_type: TYPE_FP32 dims: {list(shape)} '
        "zero_data: true } }"
        for name, shape in shapes.items()
    )
    return f'model_warmup {{ name: "{rows} rows" count: {WARM_PASSES} {zeros} }}'
