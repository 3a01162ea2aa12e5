"""Triton models that a serving benchmark needs beside the bundle's own."""

import shutil
from dataclasses import replace
from pathlib import Path

from identity import ServingBundle

REQUEST_LEVEL = "request_level"
"""Request-level batching: Triton's dynamic batcher puts whole requests together."""

SIMULATED_LAUNCH_SECONDS = 0.010
SIMULATED_ROW_SECONDS = 0.0005
SIMULATED_ROWS = 32
"""Rows that the simulated accelerator takes in one call."""

QUEUE_MICROSECONDS = 1000
"""How long the dynamic batcher waits for company."""

_ENTRY = '''"""Runs a benchmark's model."""

import sys

sys.path.insert(0, {root!r})

from benchmarks.{module} import {name} as TritonPythonModel  # noqa: E402

__all__ = ["TritonPythonModel"]
'''


def with_request_level(bundle: Path, out: Path) -> Path:
    """A copy of a bundle that has the request-level model too."""
    shutil.copytree(bundle, out)
    served = ServingBundle.load(bundle)
    model = out / "models" / REQUEST_LEVEL / "1"
    model.mkdir(parents=True)
    tensors = [
        f'input {{ name: "{name}" data_type: {kind} dims: {dims} }}'
        for name, kind, dims in (
            ("prompt_ids", "TYPE_INT64", [served.text_window]),
            ("negative_ids", "TYPE_INT64", [served.text_window]),
            ("placeholder_positions", "TYPE_INT32", [1]),
            ("placeholder_identities", "TYPE_INT32", [1]),
            ("identities", "TYPE_FP32", [1, -1, 2, -1]),
            ("seeds", "TYPE_INT64", [1]),
            ("steps", "TYPE_INT32", [1]),
            ("guidance_scale", "TYPE_FP32", [1]),
        )
    ]
    config = [
        f'name: "{REQUEST_LEVEL}"',
        'backend: "python"',
        f"max_batch_size: {served.max_rows // 2}",  # guided pictures take two rows
        "instance_group { kind: KIND_CPU count: 1 }",
        f"dynamic_batching {{ max_queue_delay_microseconds: {QUEUE_MICROSECONDS} }}",
        *tensors,
        'output { name: "image" data_type: TYPE_UINT8 dims: [-1, -1, 3] }',
    ]
    (model.parent / "config.pbtxt").write_text("\n".join(config) + "\n")
    (model / "model.py").write_text(entry("request_level"))
    return out


def on_simulated_accelerator(bundle: Path, out: Path) -> Path:
    """A copy of a bundle whose engines only take time, as an accelerator would."""
    shutil.copytree(bundle, out)
    replace(ServingBundle.load(bundle), max_rows=SIMULATED_ROWS).save(out)
    for model in (out / "models").glob("*/1/model.py"):
        if model.parts[-3] != "sampler":
            model.write_text(entry("simulated_engine"))
    return out


def add_model(bundle: Path, model: str, module: str, name: str) -> None:
    """Adds a model that tells Triton its tensors by itself, as the sampler does."""
    added = bundle / "models" / model
    shutil.copytree(bundle / "models/sampler", added)
    config = added / "config.pbtxt"
    config.write_text(config.read_text().replace('name: "sampler"', f'name: "{model}"'))
    (added / "1/model.py").write_text(entry(module, name))


def entry(module: str, name: str = "TritonPythonModel") -> str:
    """``model.py`` of a benchmark's model: Triton's process finds installed packages only."""
    return _ENTRY.format(root=str(Path(__file__).parents[1]), module=module, name=name)
