"""A request in flight: its pictures, who waits for it, and how it ends."""

import asyncio
from collections.abc import Sequence
from typing import Protocol

import numpy as np
import numpy.typing as npt

from sampler.picture import Picture

Pixels = npt.NDArray[np.uint8]


class CancelledByCaller(Exception):  # noqa: N818  (not an error)
    """The caller no longer wants the answer."""


class Caller(Protocol):
    """The caller of a request."""

    def cancelled(self) -> bool:
        """Whether the answer is no longer wanted."""
        ...

    def progress(self, done: int, total: int) -> None:
        """Takes how many of all pictures' steps are done."""
        ...

    def picture(self, index: int, pixels: Pixels) -> None:
        """Takes a finished picture ``[H, W, 3]``."""
        ...


class Job:
    """A request in flight.

    Attributes:
        pictures: those that are not denoised yet.
        finished: resolves when all pictures are delivered; raises what went wrong instead.
    """

    def __init__(self, pictures: Sequence[Picture], steps: int, caller: Caller) -> None:
        self.pictures = list(pictures)
        self.finished: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._caller = caller
        self._undelivered = len(pictures)
        self._steps_done = 0
        self._total = steps * len(pictures)

    def drop_if_cancelled(self) -> None:
        """Ends the job if its caller has gone."""
        if not self.finished.done() and self._caller.cancelled():
            self.fail(CancelledByCaller())

    def advanced(self, pictures: int) -> None:
        """Tells the caller that this many of its pictures took a step."""
        self._steps_done += pictures
        self._caller.progress(self._steps_done, self._total)

    def deliver(self, index: int, pixels: Pixels) -> None:
        """Hands over a picture; after the last one the job is finished."""
        if self.finished.done():
            return
        self._caller.picture(index, pixels)
        self._undelivered -= 1
        if not self._undelivered:
            self.finished.set_result(None)

    def fail(self, error: Exception) -> None:
        """Ends the job early; its pictures take no further step."""
        self.pictures.clear()
        if not self.finished.done():
            self.finished.set_exception(error)
