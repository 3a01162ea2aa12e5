"""Writes the serving bundle of a base model; see :mod:`identity.bundle` for what is in it."""

import hashlib
import json
import shutil
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch

import basemodel
from basemodel import BaseModel
from export.engines import place, to_onnxruntime, to_openvino, to_tensorrt
from export.graphs import Graph, graphs
from export.onnx_file import write_onnx
from export.phases import RECORD as PHASE_RECORD
from export.phases import Phase, Workshop, files_digest
from export.precision import narrow, precision_of
from export.previews import LatentRgb, fit_latent_rgb
from export.profiles import Profile, profiles
from export.repository import add_engine, add_sampler
from export.safety_checker import SafetyChecker
from export.sizes import PictureSizes
from export.supported import ExportError
from export.target import Precision, Target
from export.tensorrt_engine import Compilation
from export.tensorrt_library import library
from identity import STAGES, BundleError, CheckerInput, ServingBundle

RECORD = "export.json"
"""What a bundle was made with, how long each phase took and how much memory, in the bundle."""


@dataclass(frozen=True)
class Settings:
    """What to export.

    Attributes:
        target: what runs the models.
        precision: of the U-Net; only for GPUs other than float32.
        max_rows: rows that the U-Net takes in one call, guidance rows included.
        smallest, largest: sides of a picture in pixels; None: half and double the base model's size
            on a CPU, just the base model's size on a GPU.
        compilation: for a GPU, how to compile.
    """

    target: Target = Target.OPENVINO
    precision: Precision = Precision.FP32
    max_rows: int = 16
    smallest: int | None = None
    largest: int | None = None
    compilation: Compilation = field(default_factory=Compilation)

    @property
    def folders(self) -> tuple[str, ...]:
        """Of the workshop: where ONNX files and engines lie."""
        return f"onnx-{Precision.FP32}", f"onnx-{self.precision}", str(self.target)

    def sizes(self, base_model: BaseModel) -> PictureSizes:
        """The sizes of picture. Raises :class:`ExportError` if the base model can't have them."""
        smallest, largest = self.smallest, self.largest
        if self.target.on_gpu:
            smallest = smallest or min(base_model.image_size)
            largest = largest or max(base_model.image_size)
        return PictureSizes.of(base_model, smallest, largest)


def made_with(
    base_model_digest: str, settings: Settings, checker_digest: str = ""
) -> dict[str, str]:
    """What decides whether a bundle is up to date: its base model, its options and our code.

    What runs the engines later (``export/runtimes``) changes nothing in a bundle.

    Args:
        base_model_digest: of the base model.
        settings: its options.
        checker_digest: of the safety checker; empty without one.
    """
    code = hashlib.sha256()
    for package in (Path(__file__).parent, Path(basemodel.__file__).parent):
        for file in sorted(package.glob("*.py")):
            code.update(file.read_bytes())
    options = asdict(settings)
    del options["compilation"]["timing_cache"]  # only how fast, not what
    version = library(settings.target).version if settings.target.on_gpu else ""
    return {
        "base_model_digest": base_model_digest,
        "safety_checker_digest": checker_digest,
        "settings": json.dumps(options, sort_keys=True),
        "compiler": version,
        "code": "sha256:" + code.hexdigest(),
    }


def up_to_date(out: Path, wanted: Mapping[str, str]) -> bool:
    """Whether ``out`` is a whole bundle that was made with this."""
    try:
        ServingBundle.load(out)
        return bool(json.loads((out / RECORD).read_text())["made_with"] == wanted)
    except (BundleError, OSError, KeyError, json.JSONDecodeError):
        return False


def write_graphs(
    base_model: BaseModel,
    workshop: Workshop,
    precision: Precision = Precision.FP32,
    checker: SafetyChecker | None = None,
) -> dict[str, Path]:
    """Writes every graph as ONNX; the files by name of the model.

    Args:
        base_model: in float32, on the CPU; its U-Net is left in ``precision``.
        workshop: where the files go.
        precision: of the U-Net.
        checker: the safety checker, if pictures are to be judged; stays in float32.
    """
    narrow(base_model, precision)
    files = {}
    for graph in _all_graphs(base_model, checker):
        own = checker.digest if checker and graph is checker.graph else ""
        kept = precision_of(graph.name, precision)
        wanted = made_with(base_model.digest, Settings(precision=kept), own)
        folder = workshop.run(
            f"onnx-{kept}/{graph.name}",
            wanted,
            partial(write_onnx, graph),
        )
        files[graph.name] = folder / "model.onnx"
    return files


def _all_graphs(base_model: BaseModel, checker: SafetyChecker | None) -> list[Graph]:
    return [*graphs(base_model, STAGES), *([checker.graph] if checker else [])]


def build(
    base_model: BaseModel,
    out: Path,
    settings: Settings,
    workshop: Workshop,
    checker: SafetyChecker | None = None,
) -> ServingBundle:
    """Writes the bundle aside, then puts it in the place of ``out``.

    Args:
        base_model: in float32, on the CPU; its U-Net is left in the settings' precision.
        out: directory of the bundle; an older bundle there is replaced.
        settings: what to export.
        workshop: where the phases leave what they make, on the disk of ``out``.
        checker: the safety checker, if pictures are to be judged.

    Raises:
        ExportError: ``out`` holds something else, or the base model can't be exported like this.
        RuntimeError: the engine's compiler does not take a graph.
    """
    if out.exists() and not (out / "bundle.json").is_file() and any(out.iterdir()):
        raise ExportError(f"{out} holds something that is not a serving bundle")
    sizes = settings.sizes(base_model)
    onnx = write_graphs(base_model, workshop, settings.precision, checker)
    made = workshop.directory / "bundle"
    shutil.rmtree(made, ignore_errors=True)
    for graph in _all_graphs(base_model, checker):
        shapes = profiles(graph, sizes, settings.max_rows)
        engine = _compile(base_model, graph, onnx[graph.name], settings, shapes, workshop)
        files = [file for file in engine.iterdir() if file.name != PHASE_RECORD]
        version = add_engine(made / "models", graph, settings.target, shapes, files)
        for file in files:
            place(file, version / file.name)
    takes = checker.takes if checker else None
    bundle = describe(base_model, settings.target, settings.max_rows, sizes, takes)
    add_sampler(made / "models")
    write_tables(base_model, made)
    latent_rgb = fit_latent_rgb(base_model, sizes)
    np.save(made / "latent_rgb.npy", latent_rgb.matrix)
    bundle.save(made)
    wanted = made_with(base_model.digest, settings, checker.digest if checker else "")
    (made / RECORD).write_text(json.dumps(_report(wanted, workshop, latent_rgb), indent=2) + "\n")
    out.parent.mkdir(parents=True, exist_ok=True)
    old = workshop.directory / "old"
    shutil.rmtree(old, ignore_errors=True)
    if out.exists():
        out.rename(old)
    made.rename(out)
    shutil.rmtree(old, ignore_errors=True)
    return bundle


def _compile(
    base_model: BaseModel,
    graph: Graph,
    onnx: Path,
    settings: Settings,
    shapes: list[Profile],
    workshop: Workshop,
) -> Path:
    target = settings.target
    made_from = {
        "graph": graph.name,
        "base_model_digest": base_model.digest,
        "onnx_digest": files_digest(onnx.parent),
        "precision": str(precision_of(graph.name, settings.precision)),
    }
    compilers: dict[Target, Callable[[Path], None]] = {
        Target.OPENVINO: lambda made: to_openvino(onnx, made),
        Target.ONNXRUNTIME: lambda made: to_onnxruntime(onnx, made),
    }
    compiler = compilers.get(
        target,
        lambda made: to_tensorrt(onnx, made, target, shapes, settings.compilation, made_from),
    )
    inputs = {**made_from, **made_with(base_model.digest, settings)}
    return workshop.run(f"{target}/{graph.name}", inputs, compiler)


def describe(
    base_model: BaseModel,
    engine: str,
    max_rows: int,
    sizes: PictureSizes,
    safety_checker: CheckerInput | None = None,
) -> ServingBundle:
    """What a bundle says of a base model, its engines and the pictures that they draw."""
    channels, height, width = base_model.latent_shape
    return ServingBundle(
        base_model_digest=base_model.digest,
        engine=engine,
        stages=STAGES,
        text_window=base_model.text_window,
        token_width=base_model.token_width,
        latent_channels=channels,
        latent_height=height,
        latent_width=width,
        image_height=sizes.height,
        image_width=sizes.width,
        min_image_size=sizes.smallest,
        max_image_size=sizes.largest,
        image_size_multiple=sizes.multiple,
        scaling_factor=base_model.scaling_factor,
        max_rows=max_rows,
        begin_token=base_model.special_tokens.begin,
        end_token=base_model.special_tokens.end,
        padding_token=base_model.special_tokens.padding,
        safety_checker=safety_checker,
    )


def write_tables(base_model: BaseModel, directory: Path) -> None:
    """Writes what gateway and sampler read beside the engines, but for the previews' colours."""
    (directory / "tokenizer.json").write_text(base_model.tokenizer_json)
    (directory / "scheduler.json").write_text(
        json.dumps(dict(base_model.scheduler_config), indent=2) + "\n"
    )
    text_encoder: Any = base_model.text_encoder
    every_id = torch.arange(text_encoder.config.vocab_size)
    with torch.no_grad():
        embeddings = basemodel.token_embeddings(text_encoder, every_id)
    np.save(directory / "token_embeddings.npy", embeddings.float().numpy())


def _report(
    wanted: Mapping[str, str], workshop: Workshop, latent_rgb: LatentRgb
) -> dict[str, object]:
    def sizes(phase: Phase) -> int:
        folder = workshop.directory / phase.name
        return sum((folder / name).stat().st_size for name in phase.files)

    return {
        "made_with": wanted,
        "phases": [{**asdict(phase), "bytes": sizes(phase)} for phase in workshop.done],
        "latent_rgb_error": latent_rgb.error,
    }
