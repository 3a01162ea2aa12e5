"""What a process is to the machine: its locks, files that are whole or absent, threads, memory."""

import fcntl
import os
from pathlib import Path


class LockedError(RuntimeError):
    """Another process works in the directory."""


def lock(directory: Path) -> int:
    """Takes the directory's lock for the life of this process; returns its descriptor.

    The kernel releases it however the process ends. Raises :class:`LockedError`.
    """
    return DirectoryLock(directory).descriptor


class DirectoryLock:
    """Keeps other processes out of a directory until released, or until this process ends.

    Raises:
        LockedError: another process is in.
    """

    def __init__(self, directory: Path) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC
        self.descriptor = os.open(directory / "lock", flags, 0o600)
        try:
            fcntl.flock(self.descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            self.release()
            raise LockedError("another trainer works in this directory") from error

    def release(self) -> None:
        """Lets others in."""
        os.close(self.descriptor)


def write_atomically(path: Path, data: bytes) -> None:
    """Writes beside ``path``, syncs, renames: readers and crashes never see half a file."""
    partial = path.with_name(f"{path.name}.{os.getpid()}.partial")
    try:
        with partial.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


def spin_briefly() -> None:
    """Makes threads that wait spin for a moment only; to be called before torch loads OpenMP.

    If they spin for long, a training is many times slower on a machine that does anything else; if
    not at all, it takes nearly twice as long (docs/training.md).
    """
    os.environ.setdefault("GOMP_SPINCOUNT", "10000")


def resident_bytes() -> int:
    """Memory of this process that is in use."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")
