"""Several drawings at once, told as one."""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import replace

from service.drawing import Drawing
from service.sampler_events import SamplerEvent, SamplerImage, SamplerPreview, SamplerProgress
from service.sampler_request import SamplerRequest


async def draw_all(
    drawing: Drawing, requests: Sequence[SamplerRequest], time_limit: float
) -> AsyncGenerator[SamplerEvent]:
    """Like :meth:`Drawing.draw`, for requests of as many pictures and steps each.

    The pictures of the first request come first in the order of their index. If one request fails,
    so do all, and its error is raised.
    """
    events: asyncio.Queue[tuple[int, SamplerEvent] | None] = asyncio.Queue()

    async def follow(number: int) -> None:
        async with aclosing(drawing.draw(requests[number], time_limit)) as told:
            async for event in told:
                events.put_nowait((number, event))

    async def follow_all() -> None:
        try:
            async with asyncio.TaskGroup() as group:
                for number in range(len(requests)):
                    group.create_task(follow(number))
        finally:
            events.put_nowait(None)

    following = asyncio.create_task(follow_all())
    whole = _Whole(requests)
    try:
        while (told := await events.get()) is not None:
            yield whole.event(*told)
        await following
    except ExceptionGroup as errors:
        raise errors.exceptions[0] from None
    finally:
        following.cancel()
        await asyncio.wait([following])


class _Whole:
    """The events of single requests as those of all."""

    def __init__(self, requests: Sequence[SamplerRequest]) -> None:
        self._pictures = len(requests[0].seeds)
        self._steps = [0] * len(requests)
        self._positions: dict[int, int] = {}

    def event(self, number: int, event: SamplerEvent) -> SamplerEvent:
        match event:
            case SamplerProgress(step, total_steps, position):
                self._steps[number], self._positions[number] = step, position
                done = sum(self._steps)
                first = 0 if done else min(self._positions.values())
                return SamplerProgress(done, total_steps * len(self._steps), first)
            case SamplerPreview(index) | SamplerImage(index):
                return replace(event, index=number * self._pictures + index)
