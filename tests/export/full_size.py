"""Stable Diffusion 1.5 and 2.1 at their full size, with random weights, to TensorRT-RTX engines.

Not part of ``make test``: ``make test-export-full`` runs it, in about 20 GB of disk.
"""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from export.check import check_engines
from export.manifest import EngineMismatchError
from export.target import Target
from export.tensorrt_library import library
from identity import ServingBundle
from tests.support.full_size_checkpoint import write_full_size_checkpoint

CONFIGS = Path(__file__).parent / "configs"
GIB = 1 << 30


@pytest.mark.timeout(7200)
@pytest.mark.parametrize(
    ("name", "width", "side", "parameters"),
    [("sd15", 768, 512, 859_520_964), ("sd21", 1024, 768, 865_910_724)],
)
def test_compiles_at_full_size(
    tmp_path: Path, name: str, width: int, side: int, parameters: int
) -> None:
    checkpoint = write_full_size_checkpoint(CONFIGS / name, tmp_path / "checkpoint")
    out = tmp_path / "bundle"
    command = [sys.executable, "-m", "export", "--checkpoint", str(checkpoint), "--out", str(out)]
    subprocess.run([*command, "--target", "tensorrt-rtx"], check=True)
    bundle = ServingBundle.load(out)
    assert (bundle.token_width, bundle.image_height) == (width, side)
    engine = next((out / "models/unet/1").glob("*.plan"))
    assert engine.stat().st_size > 2 * parameters  # float16
    version = library(Target.TENSORRT_RTX).version
    assert check_engines(out, version, "8.9") == 4
    with pytest.raises(EngineMismatchError, match=r"capability 8\.9, this GPU has 9\.0"):
        check_engines(out, version, "9.0")
    for phase in json.loads((out / "export.json").read_text())["phases"]:
        print(
            f"{name} {phase['name']}: {phase['seconds']:.0f} s, "
            f"{phase['peak_bytes'] / GIB:.1f} GiB of memory, {phase['bytes'] / GIB:.2f} GiB"
        )
