"""``likeness-export``: a base model's serving bundle."""

import logging
import os
import shutil
import textwrap
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from export.target import Precision, Target

if TYPE_CHECKING:
    from export.build import Settings
    from identity import ServingBundle

GIB = 1 << 30
PHASES = 1 + 2 * 4
"""Loading, and ONNX and engine of each graph."""
PHASES_OF_CHECKER = 2
MESSAGE_LENGTH = 400
"""PyTorch's errors name every tensor that does not fit."""

app = typer.Typer(add_completion=False)


@app.command()
def main(
    checkpoint: Annotated[str, typer.Option(help="diffusers directory or hub id.")],
    out: Annotated[Path, typer.Option(help="Directory of the bundle.")] = Path(".likeness/serving"),
    target: Annotated[Target, typer.Option(help="What runs the models.")] = Target.OPENVINO,
    precision: Annotated[
        Precision | None,
        typer.Option(help="Of the U-Net on a GPU.", show_default="fp16 on a GPU, else fp32"),
    ] = None,
    max_rows: Annotated[
        int, typer.Option(min=2, max=63, help="Rows of one U-Net call, guidance rows included.")
    ] = 16,
    min_size: Annotated[
        int | None,
        typer.Option(
            min=1,
            help="Smallest side of a picture in pixels.",
            show_default="half; on a GPU the own",
        ),
    ] = None,
    max_size: Annotated[
        int | None,
        typer.Option(
            min=1,
            help="Largest side of a picture in pixels.",
            show_default="double; on a GPU the own",
        ),
    ] = None,
    capability: Annotated[
        list[str] | None,
        typer.Option(
            help="Compute capability of a GPU to compile for, such as 8.9; may be repeated.",
            show_default="this GPU's; tensorrt-rtx: 8.9",
        ),
    ] = None,
    workspace: Annotated[
        float | None,
        typer.Option(
            min=0.1, help="GiB of GPU memory for an engine's scratch.", show_default="all"
        ),
    ] = None,
    timing_cache: Annotated[
        Path | None,
        typer.Option(help="File of kernel timings that exports of one architecture share."),
    ] = None,
    safety_checker: Annotated[
        bool,
        typer.Option(
            "--safety-checker",
            envvar="LIKENESS_SAFETY_CHECKER",
            help="Let the checkpoint's safety checker judge every picture before it leaves.",
        ),
    ] = False,
    work: Annotated[
        Path | None,
        typer.Option(
            help="Directory that keeps ONNX files and engines for the next export, on the disk of "
            "--out.",
            show_default="beside --out, until the export is done",
        ),
    ] = None,
    force: Annotated[bool, typer.Option(help="Export even if the bundle is up to date.")] = False,
) -> None:
    """Export a base model: checkpoint to ONNX to engines to a Triton model repository.

    An export that was stopped goes on where it was.
    """
    # torch and diffusers take seconds: a wrong option should not.
    from transformers.utils.logging import disable_progress_bar

    from basemodel import BaseModelError, resolve, source_digest
    from basemodel.source import SAFETY_CHECKER
    from export.build import Settings, made_with, up_to_date
    from export.room import require_one_disk, require_room
    from export.supported import ExportError
    from export.tensorrt_engine import Compilation
    from export.tensorrt_library import capabilities, check_precision, library

    # One progress bar is enough, and it is ours.
    disable_progress_bar()  # type: ignore[no-untyped-call]
    os.environ.setdefault("HF_HUB_DISABLE_PROGRESS_BARS", "1")
    for name in ("diffusers", "transformers"):
        logging.getLogger(name).setLevel(logging.ERROR)
    try:
        if precision not in (None, Precision.FP32) and not target.on_gpu:
            raise ExportError(f"--precision {precision} is for GPUs; {target} runs in fp32")
        precision = precision or (Precision.FP16 if target.on_gpu else Precision.FP32)
        gpus = tuple(capability or ())
        if target.on_gpu:
            gpus = capabilities(library(target), gpus)
            check_precision(precision, gpus)
        elif gpus:
            raise ExportError(f"--capability is for GPUs; {target} runs on CPUs")
        scratch = None if workspace is None else int(workspace * GIB)
        settings = Settings(
            target,
            precision,
            max_rows,
            min_size,
            max_size,
            Compilation(gpus, scratch, timing_cache),
        )
        files = SAFETY_CHECKER if safety_checker else ()
        directory = resolve(checkpoint, files)
        judge = source_digest(directory, files) if files else ""
        if not force and up_to_date(out, made_with(source_digest(directory), settings, judge)):
            typer.echo(f"{out} is up to date", err=True)
            return
        workshop = work or out.parent / f".{out.name}.work"
        require_one_disk(workshop, out)
        weights = [name for name in files if name.endswith(".safetensors")]
        made = [workshop / name for name in settings.folders]
        require_room(directory, workshop, precision, weights, made)
        bundle = _build(directory, out, settings, safety_checker, workshop)
        if work is None:
            shutil.rmtree(workshop, ignore_errors=True)
    except (BaseModelError, ExportError, OSError, RuntimeError) as error:
        reason = textwrap.shorten(str(error), MESSAGE_LENGTH, placeholder=" ...")
        typer.echo(f"export: {reason}", err=True)
        raise typer.Exit(1) from None
    typer.echo(f"{out}: {bundle.engine}, {bundle.image_width}x{bundle.image_height}", err=True)


def _build(
    directory: Path, out: Path, settings: "Settings", judged: bool, work: Path
) -> "ServingBundle":
    from basemodel import load
    from export.build import build
    from export.phases import Phase, Workshop
    from export.safety_checker import load_safety_checker

    console = Console(stderr=True)
    with Progress(
        TextColumn("Exporting"),
        BarColumn(),
        TextColumn("{task.completed}/{task.total} {task.description}"),
        TimeElapsedColumn(),
        console=console,
        disable=not console.is_terminal,
    ) as bar:
        phases = PHASES + (PHASES_OF_CHECKER if judged else 0)
        task = bar.add_task("base model", total=phases)

        def begin(phase: str) -> None:
            bar.update(task, description=phase, advance=1)

        def end(phase: Phase) -> None:
            memory = phase.peak_bytes / GIB
            console.print(f"{phase.name}: {phase.seconds:.0f} s, {memory:.1f} GiB of memory")

        workshop = Workshop(work, begin, end)
        with workshop.locked():
            checker = load_safety_checker(directory) if judged else None
            bundle = build(load(directory), out, settings, workshop, checker)
        bar.update(task, description="done", completed=phases)
        return bundle


if __name__ == "__main__":
    app()
