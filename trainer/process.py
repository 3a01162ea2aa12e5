"""A well-behaved child process: alone in its directory, and gone when its parent is."""

import fcntl
import os
import threading
from pathlib import Path


class LockedError(RuntimeError):
    """Another process works in the directory."""


def lock(directory: Path) -> int:
    """Takes the directory's lock for the life of this process; returns its descriptor.

    The kernel releases it however the process ends. Raises :class:`LockedError`.
    """
    directory.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(directory / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        os.close(descriptor)
        raise LockedError("another trainer works in this directory") from error
    return descriptor


def exit_with_parent(descriptor: int, status: int) -> None:
    """Ends this process at once when the pipe at ``descriptor`` reaches its end."""

    def wait() -> None:
        while os.read(descriptor, 1024):
            pass
        os._exit(status)

    threading.Thread(target=wait, daemon=True).start()


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
