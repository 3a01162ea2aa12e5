"""Draws through the death of a model. What was lost is drawn again from the same seeds, which give
the same pictures: the caller sees nothing but time.
"""

import asyncio
import time
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import replace

import structlog

from service.errors import DeadlineExceededError, ResourceExhaustedError, UnavailableError
from service.metrics import Metrics
from service.sampler_client import SamplerClient
from service.sampler_events import SamplerEvent, SamplerImage, SamplerPreview, SamplerProgress
from service.sampler_request import SamplerRequest
from service.watchdog import Watchdog

log = structlog.get_logger()

ATTEMPTS = 4


class Drawing:
    """Draws requests to their end, if need be in several attempts."""

    def __init__(self, sampler: SamplerClient, watchdog: Watchdog, metrics: Metrics) -> None:
        self._sampler, self._watchdog, self._metrics = sampler, watchdog, metrics

    async def draw(
        self, request: SamplerRequest, time_limit: float
    ) -> AsyncGenerator[SamplerEvent]:
        """Like :meth:`SamplerClient.sample`, whose errors it raises too.

        Progress never goes back, and no picture comes twice.
        """
        deadline = time.monotonic() + time_limit
        progress = _Progress(len(request.seeds))
        attempt = 1
        while True:
            left = replace(request, seeds=tuple(request.seeds[i] for i in progress.missing))
            events = self._sampler.sample(left, _time_left(deadline))
            try:
                async with aclosing(progress.of_all(events)) as told:
                    async for event in told:
                        yield event
                return
            except UnavailableError as error:
                if not progress.missing:
                    return
                if attempt == ATTEMPTS or not await self._mended(deadline):
                    raise
                attempt += 1
                log.warning("drawing_again", reason=error.reason, pictures=len(progress.missing))
                self._metrics.generation_retries.inc()
            except ResourceExhaustedError as error:
                if attempt == 1:
                    raise
                # It was taken on before a model died. What was being drawn then waits for places
                # now, beside what waited: there are fewer than there were.
                await asyncio.sleep(min(error.retry_seconds, _time_left(deadline)))

    async def _mended(self, deadline: float) -> bool:
        """See :meth:`Watchdog.mended`; also False when the request's time is over first."""
        try:
            async with asyncio.timeout(_time_left(deadline)):
                return await self._watchdog.mended()
        except TimeoutError:  # it was the models, and not the pictures, that took too long
            return False


class _Progress:
    """Where a request stands, over all attempts.

    Attributes:
        missing: pictures that are not finished, by index.
    """

    def __init__(self, pictures: int) -> None:
        self._pictures = pictures
        self.missing = list(range(pictures))
        self._told = -1

    async def of_all(self, events: AsyncGenerator[SamplerEvent]) -> AsyncGenerator[SamplerEvent]:
        """An attempt's events, as those of the whole request."""
        drawn = tuple(self.missing)
        async with aclosing(events):
            async for event in events:
                match event:
                    case SamplerProgress(step, total, position):
                        steps = total // len(drawn)
                        done = step + steps * (self._pictures - len(drawn))
                        if done > self._told or (position and self._told <= 0):
                            self._told = done
                            yield SamplerProgress(done, steps * self._pictures, position)
                    case SamplerPreview(index):
                        yield replace(event, index=drawn[index])
                    case SamplerImage(index):
                        self.missing.remove(drawn[index])
                        yield replace(event, index=drawn[index])


def _time_left(deadline: float) -> float:
    if (left := deadline - time.monotonic()) <= 0:
        raise DeadlineExceededError("the pictures took too long", "DEADLINE_EXCEEDED")
    return left
