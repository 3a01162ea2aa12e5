"""``python -m export``: a base model's serving bundle."""

import logging
import os
import tempfile
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from identity import ServingBundle

GRAPHS = 4
"""Text encoder, U-Net, VAE decoder, VAE encoder."""


class Engine(StrEnum):
    """What runs the models."""

    OPENVINO = "openvino"
    ONNXRUNTIME = "onnxruntime"
    TENSORRT_RTX = "tensorrt-rtx"


def main(
    checkpoint: Annotated[str, typer.Option(help="diffusers directory or hub id.")],
    out: Annotated[Path, typer.Option(help="Directory of the bundle.")] = Path(".likeness/serving"),
    engine: Annotated[Engine, typer.Option(help="What runs the models.")] = Engine.OPENVINO,
    max_rows: Annotated[
        int, typer.Option(min=2, help="Rows of one U-Net call, guidance rows included.")
    ] = 16,
    force: Annotated[bool, typer.Option(help="Export even if the bundle is up to date.")] = False,
) -> None:
    """Export a base model: checkpoint to ONNX to engines to a Triton model repository."""
    # torch and diffusers take seconds: a wrong option should not.
    from basemodel import BaseModelError, resolve, source_digest
    from export.build import record, up_to_date
    from export.supported import ExportError

    logging.getLogger("diffusers").setLevel(logging.ERROR)
    try:
        directory = resolve(checkpoint)
        wanted = record(source_digest(directory), engine, max_rows)
        if not force and up_to_date(out, wanted):
            typer.echo(f"{out} is up to date", err=True)
            return
        bundle = _build(directory, out, engine, max_rows)
    except (BaseModelError, ExportError, OSError, RuntimeError) as error:
        typer.echo(f"export: {' '.join(str(error).split())}", err=True)
        raise typer.Exit(1) from None
    typer.echo(f"{out}: {bundle.engine}, {bundle.image_width}x{bundle.image_height}", err=True)


def _build(directory: Path, out: Path, engine: str, max_rows: int) -> ServingBundle:
    from basemodel import load
    from export.build import build, write_graphs

    with (
        tempfile.TemporaryDirectory() as scratch,
        Progress(
            TextColumn("Exporting"),
            BarColumn(),
            TextColumn("{task.completed}/{task.total} {task.description}"),
            TimeElapsedColumn(),
            console=Console(stderr=True),
        ) as bar,
    ):
        task = bar.add_task("base model", total=1 + 2 * GRAPHS)

        def begin(phase: str) -> None:
            bar.update(task, description=phase, advance=1)

        base_model = load(directory)
        onnx = write_graphs(base_model, Path(scratch), begin)
        bundle = build(base_model, onnx, out, engine, max_rows, begin)
        bar.update(task, description="done", advance=1)
        return bundle


if __name__ == "__main__":
    os.environ.setdefault("HF_HUB_DISABLE_PROGRESS_BARS", "1")
    typer.run(main)
