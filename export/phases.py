"""Phases of an export, each done once: what is whole and made from the same inputs is kept.

A phase works in a folder of its own that takes its final name, with a record of every file's
digest, only when all of it is there. So an export that was killed goes on where it was.
"""

import fcntl
import hashlib
import json
import shutil
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from export.supported import ExportError

RECORD = "phase.json"
LOCK = "lock"


@dataclass(frozen=True)
class Phase:
    """Record of a phase that was done.

    Attributes:
        name: of the phase.
        inputs: what it was made from.
        seconds: how long it took.
        peak_bytes: most memory that the process held meanwhile.
        files: digest of each file it left, ``sha256:<hex>``.
    """

    name: str
    inputs: Mapping[str, str]
    seconds: float
    peak_bytes: int
    files: Mapping[str, str]


class Workshop:
    """A directory in which phases leave what they make.

    Args:
        directory: made if missing.
        progress: told the name of each phase that begins or was found done.
        ended: told of each phase that was done now.
    """

    def __init__(
        self,
        directory: Path,
        progress: Callable[[str], None],
        ended: Callable[[Phase], None] = lambda _: None,
    ) -> None:
        self.directory = directory
        self.done: list[Phase] = []
        self._progress = progress
        self._ended = ended

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Keeps other exports out. Raises :class:`ExportError` if one is at work."""
        self.directory.mkdir(parents=True, exist_ok=True)
        with (self.directory / LOCK).open("w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise ExportError(f"another export is at work in {self.directory}") from None
            yield

    def run(self, name: str, inputs: Mapping[str, str], make: Callable[[Path], object]) -> Path:
        """The folder of a phase; ``make`` fills it unless it is whole already."""
        self._progress(name)
        folder = self.directory / name
        if (found := _find(folder, inputs)) is not None:
            self.done.append(found)
            return folder
        aside = folder.with_name(folder.name + ".partial")
        for old in (folder, aside):
            shutil.rmtree(old, ignore_errors=True)
        aside.mkdir(parents=True)
        _forget_peak_memory()
        began = time.monotonic()
        make(aside)
        phase = Phase(
            name, dict(inputs), round(time.monotonic() - began, 2), _peak_memory(), _digests(aside)
        )
        (aside / RECORD).write_text(json.dumps(asdict(phase), indent=2) + "\n")
        aside.rename(folder)
        self.done.append(phase)
        self._ended(phase)
        return folder


def files_digest(phase: Path) -> str:
    """One digest over the files of a phase, from its record."""
    files = json.loads((phase / RECORD).read_text())["files"]
    return "sha256:" + hashlib.sha256(json.dumps(files, sort_keys=True).encode()).hexdigest()


def _find(folder: Path, inputs: Mapping[str, str]) -> Phase | None:
    try:
        phase = Phase(**json.loads((folder / RECORD).read_text()))
    except (OSError, TypeError, json.JSONDecodeError):
        return None
    whole = phase.inputs == dict(inputs) and phase.files == _digests(folder)
    return phase if whole else None


def _digests(folder: Path) -> dict[str, str]:
    digests = {}
    for path in sorted(folder.rglob("*")):
        if path.is_file() and path.name != RECORD:
            with path.open("rb") as file:
                content = hashlib.file_digest(file, "sha256").hexdigest()
            digests[str(path.relative_to(folder))] = "sha256:" + content
    return digests


def _forget_peak_memory() -> None:
    """Makes the kernel count this process's peak anew (proc(5), clear_refs).

    Where it can't be told to, the peak is that of all phases so far.
    """
    with suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")


def _peak_memory() -> int:
    status = Path("/proc/self/status").read_text()
    line = next(line for line in status.splitlines() if line.startswith("VmHWM:"))
    return int(line.split()[1]) * 1024
