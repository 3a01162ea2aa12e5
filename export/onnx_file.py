"""A graph as an ONNX file, by torch's exporter."""

import logging
import warnings
from pathlib import Path
from typing import Any

import torch

from export.graphs import Graph

MAX_BATCH = 63
"""diffusers' upsampling takes another path from 64 rows on (``Upsample2D``)."""
MAX_SIDE = 8192


def write_onnx(graph: Graph, directory: Path) -> Path:
    """Writes ``model.onnx`` with batch and picture sizes left free, and its weights beside it.

    Returns:
        The file.
    """
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
            dynamic_shapes=_free_axes(graph),
            dynamo=True,
            external_data=True,
            verbose=False,
        )
    return path


def _free_axes(graph: Graph) -> tuple[Any, ...]:
    """The free axes of every input, nested as ``forward`` takes them: ``*args`` are one tuple."""
    axes: dict[str, Any] = {"batch": torch.export.Dim("batch", min=1, max=MAX_BATCH)}
    if (multiple := graph.multiple) is not None:
        for side in ("height", "width"):
            axes[side] = multiple * torch.export.Dim(side, min=1, max=MAX_SIDE // multiple)
    shapes = [
        {axis: axes[kind] for axis, kind in graph.free_axes(name).items()} for name in graph.inputs
    ]
    named = graph.module.forward.__code__.co_argcount - 1
    variadic = tuple(shapes[named:])
    return (*shapes[:named], variadic) if variadic else tuple(shapes)
