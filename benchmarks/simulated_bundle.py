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

INPUTS = {
    "prompt_ids": "INT64",
    "negative_ids": "INT64",
    "seeds": "INT64",
    "steps": "INT32",
    "guidance_scale": "FP32",
    "placeholder_positions": "INT32",
    "placeholder_identities": "INT32",
    "identities": "FP32",
    "scheduler": "STRING",
    "size": "INT32",
    "init_image": "UINT8",
    "init_strength": "FP32",
    "guidance_interval": "FP32",
    "preview_every": "INT32",
    "tenant": "STRING",
    "priority": "INT32",
    "seconds_left": "FP32",
    "heartbeat": "INT32",
}
OUTPUTS = {"progress": "INT32", "image": "UINT8", "image_index": "INT32", "alive": "INT32"}
AXES = {"identities": 4, "init_image": 3, "image": 3}
OTHERS = ("text_encoder", "unet", "vae_decoder", "vae_encoder")
"""Models that the gateway wants to see loaded; nothing calls them."""


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
    _write_model(sampler, INPUTS, OUTPUTS, decoupled=True)
    (sampler / "1" / "model.py").write_text(entry("simulated_sampler"))
    np.save(sampler / "photograph.npy", data.astronaut())  # type: ignore[no-untyped-call]
    for name in OTHERS:
        _write_model(out / "models" / name, {"in": "FP32"}, {"out": "FP32"}, decoupled=False)
        (out / "models" / name / "1" / "model.py").write_text("class TritonPythonModel: ...\n")
    return bundle


def _write_model(
    directory: Path, inputs: dict[str, str], outputs: dict[str, str], *, decoupled: bool
) -> None:
    (directory / "1").mkdir(parents=True)
    lines = [
        f'name: "{directory.name}"',
        'backend: "python"',
        "instance_group { kind: KIND_CPU count: 1 }",
        f"model_transaction_policy {{ decoupled: {str(decoupled).lower()} }}",
        *(f"input {{ {_tensor(name, kind)} optional: true }}" for name, kind in inputs.items()),
        *(f"output {{ {_tensor(name, kind)} }}" for name, kind in outputs.items()),
    ]
    (directory / "config.pbtxt").write_text("\n".join(lines) + "\n")


def _tensor(name: str, kind: str) -> str:
    return f'name: "{name}" data_type: TYPE_{kind} dims: {[-1] * AXES.get(name, 1)}'
