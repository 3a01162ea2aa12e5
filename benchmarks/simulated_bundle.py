"""A serving bundle without engines: its sampler takes time and answers with a photograph.

It is made in no time, so the gateway is measured (and brought into trouble) without an export.
"""

from pathlib import Path

import numpy as np
from skimage import data

from basemodel import load
from benchmarks.peer_models import entry
from export.build import describe
from export.sizes import PictureSizes
from identity import ServingBundle

OTHERS = ("text_encoder", "unet", "vae_decoder", "vae_encoder")
"""Models that the gateway wants to see loaded; nothing calls them."""
NOTHING = [f'{kind} {{ name: "x" data_type: TYPE_FP32 dims: [1] }}' for kind in ("input", "output")]


def write_simulated_bundle(checkpoint: Path, out: Path) -> ServingBundle:
    """Writes the bundle for a base model's prompts and identities; pictures up to 512 px."""
    out.mkdir(parents=True)
    base = load(checkpoint)
    (out / "tokenizer.json").write_text(base.tokenizer_json)
    vocabulary = base.special_tokens.end + 1
    np.save(out / "token_embeddings.npy", np.zeros((vocabulary, base.token_width), np.float32))
    height, width = base.image_size
    sizes = PictureSizes(height, width, 32, 512, multiple=8, pixels_per_latent=8)
    bundle = describe(base, "simulated", 32, sizes)
    bundle.save(out)
    sampler = out / "models" / "sampler"
    _write_model(sampler)
    (sampler / "1" / "model.py").write_text(entry("simulated_sampler"))
    np.save(sampler / "photograph.npy", data.astronaut())  # type: ignore[no-untyped-call]
    for name in OTHERS:
        _write_model(out / "models" / name, *NOTHING)
        (out / "models" / name / "1" / "model.py").write_text("class TritonPythonModel: ...\n")
    return bundle


def _write_model(directory: Path, *tensors: str) -> None:
    (directory / "1").mkdir(parents=True)
    lines = [
        f'name: "{directory.name}"',
        'backend: "python"',
        "instance_group { kind: KIND_CPU count: 1 }",
        *tensors,
    ]
    (directory / "config.pbtxt").write_text("\n".join(lines) + "\n")
