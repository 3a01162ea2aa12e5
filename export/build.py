"""Writes the serving bundle of a base model; see :mod:`identity.bundle` for what is in it."""

import hashlib
import json
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch

import basemodel
from basemodel import BaseModel
from export.engines import COMPILERS
from export.graphs import graphs
from export.onnx_file import write_onnx
from export.previews import fit_latent_rgb
from export.repository import add_engine, add_sampler
from export.sizes import PictureSizes
from export.supported import ExportError, check_supported
from identity import STAGES, BundleError, ServingBundle

RECORD = "export.json"
"""What a bundle was made with, in the bundle."""

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


def write_graphs(base_model: BaseModel, directory: Path, progress: Progress) -> dict[str, Path]:
    """Writes every graph as ONNX; the files by name of the model.

    Raises:
        ExportError: the base model is not supported.
    """
    check_supported(base_model)
    files = {}
    for graph in graphs(base_model, STAGES):
        progress(f"{graph.name} to ONNX")
        (directory / graph.name).mkdir(parents=True)
        files[graph.name] = write_onnx(graph, directory / graph.name)
    return files


def build(
    base_model: BaseModel,
    onnx: Mapping[str, Path],
    out: Path,
    engine: str,
    max_rows: int,
    progress: Progress,
) -> ServingBundle:
    """Writes the bundle aside, then puts it in the place of ``out``.

    Args:
        base_model: in float32, on the CPU.
        onnx: what :func:`write_graphs` gave.
        out: directory of the bundle; an older bundle there is replaced.
        engine: a key of :data:`export.engines.COMPILERS`.
        max_rows: rows that the U-Net takes in one call, guidance rows included.
        progress: told what begins.

    Raises:
        ExportError: ``out`` holds something else.
        RuntimeError: the engine's compiler does not take a graph.
    """
    if out.exists() and not (out / "bundle.json").is_file() and any(out.iterdir()):
        raise ExportError(f"{out} holds something that is not a serving bundle")
    out.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=out.parent, prefix=f".{out.name}.") as aside:
        made = Path(aside) / "new"
        models = made / "models"
        for graph in graphs(base_model, STAGES):
            progress(f"{graph.name} to {engine}")
            directory = add_engine(models, graph, engine)
            COMPILERS[engine](onnx[graph.name], directory, max(max_rows, 2 * STAGES + 1))
        sizes = PictureSizes.of(base_model)
        bundle = _describe(base_model, engine, max_rows, sizes)
        add_sampler(models, bundle)
        _write_tables(base_model, made)
        np.save(made / "latent_rgb.npy", fit_latent_rgb(base_model, sizes).matrix)
        bundle.save(made)
        wanted = record(base_model.digest, engine, max_rows)
        (made / RECORD).write_text(json.dumps(wanted, indent=2) + "\n")
        if out.exists():
            out.rename(Path(aside) / "old")
        made.rename(out)
    return bundle


def _describe(
    base_model: BaseModel, engine: str, max_rows: int, sizes: PictureSizes
) -> ServingBundle:
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
        min_image_size=sizes.smallest,
        max_image_size=sizes.largest,
        image_size_multiple=sizes.multiple,
        scaling_factor=base_model.scaling_factor,
        max_rows=max_rows,
        begin_token=base_model.special_tokens.begin,
        end_token=base_model.special_tokens.end,
        padding_token=base_model.special_tokens.padding,
    )


def _write_tables(base_model: BaseModel, directory: Path) -> None:
    (directory / "tokenizer.json").write_text(base_model.tokenizer_json)
    (directory / "scheduler.json").write_text(
        json.dumps(dict(base_model.scheduler_config), indent=2) + "\n"
    )
    text_encoder: Any = base_model.text_encoder
    every_id = torch.arange(text_encoder.config.vocab_size)
    with torch.no_grad():
        embeddings = basemodel.token_embeddings(text_encoder, every_id)
    np.save(directory / "token_embeddings.npy", embeddings.float().numpy())
