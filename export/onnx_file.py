"""A graph as an ONNX file, by torch's exporter."""

import logging
import warnings
from pathlib import Path
from typing import Any

import torch

from export.graphs import Graph

MAX_BATCH = 1024


def write_onnx(graph: Graph, directory: Path) -> Path:
    """Writes ``model.onnx`` with a free batch size, and its weights beside it.

    Returns:
        The file.
    """
    batch = {0: torch.export.Dim("batch", min=1, max=MAX_BATCH)}
    path = directory / "model.onnx"
    # The exporter tells of optional packages that these graphs don't need.
    logging.getLogger("torch.onnx").setLevel(logging.ERROR)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(
            graph.module,
            tuple(graph.inputs.values()),
            str(path),
            input_names=list(graph.inputs),
            output_names=[graph.output],
            dynamic_shapes=_like_arguments(graph, batch),
            dynamo=True,
            external_data=True,
            verbose=False,
        )
    return path


def _like_arguments(graph: Graph, batch: dict[int, Any]) -> tuple[Any, ...]:
    """``batch`` for every input, nested as ``forward`` takes them: ``*args`` are one tuple."""
    named = graph.module.forward.__code__.co_argcount - 1
    shapes = [batch] * len(graph.inputs)
    variadic = tuple(shapes[named:])
    return (*shapes[:named], variadic) if variadic else tuple(shapes)
