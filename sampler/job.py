"""A request in flight: its pictures, who waits for it, and how it ends."""

import asyncio
import math
import time
from collections.abc import Coroutine, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Protocol

from sampler.pace import Pace
from sampler.picture import Picture
from sampler.request import SamplingRequest
from sampler.timeline import Timeline
from sampler.vae import Pixels


class CancelledByCaller(Exception):  # noqa: N818  (not an error)
    """The caller no longer wants the answer."""


class DeadlineMissedError(RuntimeError):
    """The pictures can't be done in time, as fast as steps are."""


class Caller(Protocol):
    """The caller of a request."""

    def cancelled(self) -> bool:
        """Whether the answer is no longer wanted."""
        ...

    def progress(self, done: int, total: int, queue_position: int) -> None:
        """Takes how many of all pictures' steps are done; while none is, the place in the queue,
        counted from 1."""
        ...

    def preview(self, index: int, steps_done: int, pixels: Pixels) -> None:
        """Takes what a picture will look like ``[h, w, 3]``."""
        ...

    def picture(self, index: int, pixels: Pixels) -> None:
        """Takes a finished picture ``[H, W, 3]``."""
        ...

    def filtered(self, index: int) -> None:
        """Hears that a finished picture is held back by the safety checker."""
        ...


class Job:
    """A request in flight.

    Args:
        request: what to draw.
        rank: when it came, in order.
        caller: who waits for it.
        latent_shape: ``(C, h, w)`` of its pictures.
        most_rows: that a step may have.

    Attributes:
        tenant, priority: see :class:`sampler.request.SamplingRequest`.
        rank, latent_shape: see above.
        pictures: those that are not denoised yet; none before it is encoded.
        timeline: its phases so far.
        finished: resolves when all pictures are delivered; raises what went wrong instead.
    """

    def __init__(
        self,
        request: SamplingRequest,
        rank: int,
        caller: Caller,
        latent_shape: tuple[int, int, int],
        most_rows: int,
    ) -> None:
        self.tenant, self.priority, self.rank = request.tenant, request.priority, rank
        self.latent_shape = latent_shape
        self.pictures: list[Picture] = []
        self.timeline = Timeline()
        self.finished: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._request, self._caller, self._most_rows = request, caller, most_rows
        self._deadline = time.monotonic() + request.seconds_left
        self._undelivered = len(request.seeds)
        self._steps_done = self._steps_told = 0
        self._total = request.steps_taken * len(request.seeds)
        self._position = 0

    @property
    def waiting(self) -> bool:
        """Whether none of its pictures has taken a step."""
        return self._steps_done == 0

    def begin(self, pictures: Sequence[Picture]) -> None:
        """Takes its pictures, unless it is over by now."""
        if not self.finished.done():
            self.pictures = list(pictures)
            self.timeline.enter("queue")

    def beside(self, work: Coroutine[Any, Any, None]) -> None:
        """Does some of its work beside the steps, until that is done or the job is over."""
        task = asyncio.create_task(work)
        self.finished.add_done_callback(lambda _: task.cancel())

    @property
    def steps_left(self) -> int:
        """Steps of the loop that it needs at least, though it had all their rows."""
        if self.waiting and not self.pictures:  # each step has a row, perhaps a second one
            longest, rows = self._request.steps_taken, self._total
        else:
            longest = max((picture.steps_left for picture in self.pictures), default=0)
            rows = sum(picture.rows_left for picture in self.pictures)
        return max(longest, math.ceil(rows / self._most_rows))

    def drop_if_late(self, pace: Pace) -> None:
        """Ends the job if it can't be done in time any more."""
        steps, now = self.steps_left, time.monotonic()
        end = now + steps * pace.least(self.latent_shape, now)
        if not self.finished.done() and end > self._deadline:
            self.fail(DeadlineMissedError(f"{steps} more steps don't fit the deadline"))

    def attend(self) -> None:
        """Tells the caller what is new, and ends the job if nobody listens any more."""
        if self.finished.done():
            return
        if self._steps_done != self._steps_told:
            self._steps_told = self._steps_done
            self._caller.progress(self._steps_done, self._total, 0)
        if self._caller.cancelled():
            self.fail(CancelledByCaller())

    def queued_at(self, position: int) -> None:
        """Tells the caller its place in the queue, if that is news."""
        if position != self._position:
            self._position = position
            self._caller.progress(0, self._total, position)

    def advanced(self) -> None:
        """Takes note that one of its pictures took a step."""
        self._steps_done += 1

    def preview(self, picture: Picture, pixels: Pixels) -> None:
        """Hands over what a picture will look like."""
        self._caller.preview(picture.index, picture.steps_done, pixels)

    def deliver(self, index: int, pixels: Pixels | None) -> None:
        """Hands over a picture, or None for one that is held back; after the last one the job is
        finished.
        """
        if self.finished.done():
            return
        if pixels is None:
            self._caller.filtered(index)
        else:
            self._caller.picture(index, pixels)
        self._undelivered -= 1
        if not self._undelivered:
            self.finished.set_result(None)

    @contextmanager
    def failing_alone(self) -> Iterator[None]:
        """Whatever goes wrong with this job here ends it, and is not the others' trouble."""
        try:
            yield
        except Exception as error:
            self.fail(error)

    def fail(self, error: Exception) -> None:
        """Ends the job early; its pictures take no further step."""
        self.pictures.clear()
        if not self.finished.done():
            self.finished.set_exception(error)
