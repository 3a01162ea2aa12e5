"""Writes the serving bundle of a base model; see :mod:`identity.bundle` for what is in it."""

import hashlib
import json
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch

import basemodel
from basemodel import BaseModel
from export.engines import COMPILERS
from export.graphs import Graph, graphs
from export.onnx_file import write_onnx
from export.repository import add_engine, add_sampler
from export.supported import ExportError, check_supported
from identity import STAGES, BundleError, ServingBundle

RECORD = "export.json"
"""What a bundle was made with, in the bundle."""

PHASES = 7
"""How many things :func:`build` begins."""

Progress = Callable[[str], None]


def record(base_model_digest: str, engine: str, max_rows: int) -> dict[str, str | int]:
    """What decides whether a bundle is up to date: its base model, its options and our code."""
    code = hashlib.sha256()
    for package in (Path(__file__).parent, Path(basemodel.__file__).parent):
        for file in sorted(package.rglob("*.py")):
            code.update(file.read_bytes())
    return {
        "base_model_digest": base_model_digest,
        "engine": engine,
        "max_rows": max_rows,
        "code": "sha256:" + code.hexdigest(),
    }


def up_to_date(out: Path, wanted: dict[str, str | int]) -> bool:
    """Whether ``out`` is a whole bundle with this record."""
    try:
        ServingBundle.load(out)
        return bool(json.loads((out / RECORD).read_text()) == wanted)
    except (BundleError, OSError, json.JSONDecodeError):
        return False


def build(
    base_model: BaseModel, out: Path, engine: str, max_rows: int, progress: Progress
) -> ServingBundle:
    """Writes the bundle aside, then puts it in the place of ``out``.

    Args:
        base_model: in float32, on the CPU.
        out: directory of the bundle; an older bundle there is replaced.
        engine: a key of :data:`export.engines.COMPILERS`.
        max_rows: rows that the U-Net takes in one call, guidance rows included.
        progress: told what begins, :data:`PHASES` times.

    Raises:
        ExportError: the base model is not supported, or ``out`` holds something else.
    """
    check_supported(base_model)
    if out.exists() and not (out / "bundle.json").is_file() and any(out.iterdir()):
        raise ExportError(f"{out} holds something that is not a serving bundle")
    bundle = _describe(base_model, engine, max_rows)
    out.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=out.parent, prefix=f".{out.name}.") as aside:
        made = Path(aside) / "new"
        models = made / "models"
        models.mkdir(parents=True)
        for graph in graphs(base_model, STAGES):
            _compile(graph, models, engine, max(max_rows, 2 * STAGES + 1), progress)
        progress("bundle")
        add_sampler(models, bundle.text_window, STAGES, bundle.token_width, base_model.image_size)
        _write_tables(base_model, made)
        bundle.save(made)
        wanted = record(base_model.digest, engine, max_rows)
        (made / RECORD).write_text(json.dumps(wanted, indent=2) + "\n")
        if out.exists():
            out.rename(Path(aside) / "old")
        made.rename(out)
    return bundle


def _describe(base_model: BaseModel, engine: str, max_rows: int) -> ServingBundle:
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
        image_height=base_model.image_size[0],
        image_width=base_model.image_size[1],
        scaling_factor=base_model.scaling_factor,
        max_rows=max_rows,
        begin_token=base_model.special_tokens.begin,
        end_token=base_model.special_tokens.end,
        padding_token=base_model.special_tokens.padding,
    )


def _compile(graph: Graph, models: Path, engine: str, max_batch: int, progress: Progress) -> None:
    name = graph.name.replace("_", " ")
    with tempfile.TemporaryDirectory(dir=models.parent) as scratch:
        progress(f"{name} to ONNX")
        onnx = write_onnx(graph, Path(scratch))
        progress(f"{name} to {engine}")
        COMPILERS[engine](onnx, add_engine(models, graph, engine), max_batch)


def _write_tables(base_model: BaseModel, directory: Path) -> None:
    (directory / "tokenizer.json").write_text(base_model.tokenizer_json)
    (directory / "scheduler.json").write_text(
        json.dumps(dict(base_model.scheduler_config), indent=2) + "\n"
    )
    vocabulary = base_model.text_encoder.config.vocab_size
    with torch.no_grad():
        embeddings = basemodel.token_embeddings(base_model.text_encoder, torch.arange(vocabulary))
    np.save(directory / "token_embeddings.npy", embeddings.float().numpy())
