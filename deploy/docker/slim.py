"""``python deploy/docker/slim.py ENVIRONMENT``: takes out of an image what the gateway never loads.

Of compiled files it takes what only debuggers read, by binutils' `strip`.
"""

import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

UNUSED = (
    *("*/tests", "*/*/tests"),
    "c2pa/libs/*.rlib",  # for programs in Rust
    "hf_xet*",  # downloads from the hub, which a gateway never asks
    "ray/dashboard/client",
    "ray/jars",  # for programs in Java
    *("ray/llm", "ray/rllib", "ray/serve", "ray/train", "ray/tune"),  # libraries on top of Ray
)
"""Files and folders of an environment's packages."""
ELF = b"\x7fELF"


def unused(packages: Path) -> Iterator[Path]:
    """What is there of :data:`UNUSED` in a folder of packages."""
    for pattern in UNUSED:
        yield from packages.glob(pattern)


def slim(packages: Path) -> None:
    """Makes a folder of packages smaller, for good."""
    for path in list(unused(packages)):
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink()
    for path in packages.rglob("*"):
        if path.is_file() and not path.is_symlink() and _compiled(path):
            subprocess.run(["strip", "--strip-unneeded", str(path)], check=True)


def _compiled(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(len(ELF)) == ELF


if __name__ == "__main__":
    (found,) = Path(sys.argv[1]).glob("lib/python3*/site-packages")
    slim(found)
