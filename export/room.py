"""Is there enough disk and memory? Asked before the work, for it takes long to find out."""

import math
import shutil
from collections.abc import Iterable, Sequence
from pathlib import Path

from safetensors import SafetensorError, safe_open

from basemodel.source import WEIGHTS
from export.supported import ExportError
from export.target import Precision

GIB = 1 << 30
FLOAT32_BYTES = 4
MEMORY_FACTOR = 2.7
"""Peak memory by the weights in float32. Stable Diffusion 1.5 has 4.0 GiB of them, and its export
held 11.4 GiB while TensorRT-RTX compiled the U-Net."""
MEMORY_BYTES = GIB
"""Memory that the libraries take beside."""
DISK_COPIES = 2.2
"""ONNX and engine each hold the weights once, and some room is left."""


def require_room(
    directory: Path,
    disk: Path,
    precision: Precision,
    also: Sequence[str] = (),
    made: Iterable[Path] = (),
) -> None:
    """Raises :class:`ExportError` where an export of the checkpoint would run out of something.

    Args:
        directory: the diffusers directory.
        disk: where ONNX files and engines are written.
        precision: of the U-Net.
        also: files of weights that are exported besides those of every base model.
        made: folders of an earlier export's files, which are used again or make room.
    """
    numbers = {name: _numbers(directory / name) for name in (*WEIGHTS, *also)}
    unet = next(count for name, count in numbers.items() if name.startswith("unet"))
    others = sum(numbers.values()) - unet
    written = FLOAT32_BYTES * others + precision.dtype.itemsize * unet
    needed = {
        "disk": (
            max(DISK_COPIES * written - _occupied(made), 0),
            shutil.disk_usage(_existing(disk)).free,
            f" at {disk}",
            "free some, or name another disk with --out and --work",
        ),
        "memory": (
            MEMORY_BYTES + MEMORY_FACTOR * FLOAT32_BYTES * sum(numbers.values()),
            _available_memory(),
            "",
            "end other programs, or export on a larger machine",
        ),
    }
    for what, (least, free, where, remedy) in needed.items():
        if least > free:
            raise ExportError(
                f"the export needs about {least / GIB:.1f} GiB of {what}{where}, "
                f"and {free / GIB:.1f} GiB are free: {remedy}"
            )


def require_one_disk(work: Path, out: Path) -> None:
    """Raises :class:`ExportError` where nothing that ``work`` holds can be renamed to ``out``."""
    # A mount point's own parent lies on another disk, and nothing can be renamed to it.
    if len({_existing(path).stat().st_dev for path in (work, out, out.absolute().parent)}) > 1:
        raise ExportError(
            f"{out} can't take the place of what is made in {work}: give --out and --work "
            "directories below one mount point, for the bundle is renamed"
        )


def _numbers(weights: Path) -> int:
    """How many numbers a file of weights holds, from its header."""
    try:
        with safe_open(weights, "np") as file:
            shapes = [file.get_slice(name).get_shape() for name in file.keys()]  # noqa: SIM118
    except SafetensorError as error:
        raise ExportError(f"{weights} can't be read: {error}; fetch it again") from error
    return sum(math.prod(shape) for shape in shapes)


def _occupied(folders: Iterable[Path]) -> int:
    """Bytes of the files in the folders; one of several names counts once."""
    files = [path.stat() for folder in folders for path in folder.rglob("*") if path.is_file()]
    return sum({file.st_ino: file.st_size for file in files}.values())


def _existing(path: Path) -> Path:
    path = path.absolute()
    return next(parent for parent in (path, *path.parents) if parent.exists())


def _available_memory() -> float:
    """Bytes that the machine and this process's control group still have."""
    lines = Path("/proc/meminfo").read_text().splitlines()
    available = next(int(line.split()[1]) * 1024 for line in lines if "MemAvailable" in line)
    group = Path("/sys/fs/cgroup")
    try:
        limit = int((group / "memory.max").read_text())
        return min(available, limit - int((group / "memory.current").read_text()))
    except (OSError, ValueError):  # no control group, or one without a limit ("max")
        return available
