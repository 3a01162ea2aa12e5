"""Drawing in several attempts: what is begun is ended, whoever else wants to draw."""

from collections.abc import AsyncGenerator
from typing import Any

import numpy as np
import pytest

from service.drawing import Drawing
from service.errors import GatewayError, ModelDiedError, ResourceExhaustedError
from service.metrics import Metrics
from service.sampler_events import SamplerEvent, SamplerImage
from service.sampler_request import SamplerRequest

PIXELS = np.zeros((8, 8, 3), np.uint8)
FULL = ResourceExhaustedError("no room", "QUEUE_FULL", retry_seconds=0.01)
IDS = np.ones(4, np.int64)
REQUEST = SamplerRequest(
    IDS, IDS, (), np.zeros((0, 5, 2, 8), np.float32), (1, 2), 3, 4.0, None, "ddim", 8, 8, None,
    1.0, 0, "", 0,
)  # fmt: skip


class Attempts:
    """A sampler that ends its attempts one after the other as it is told, and then draws."""

    def __init__(self, *ends: tuple[int, GatewayError]) -> None:
        self._ends = list(ends)

    async def sample(self, request: SamplerRequest, _: float) -> AsyncGenerator[SamplerEvent]:
        pictures, error = self._ends.pop(0) if self._ends else (len(request.seeds), None)
        for index in range(pictures):
            yield SamplerImage(index, PIXELS)
        if error is not None:
            raise error


class Mended:
    """A watchdog whose models are well by now."""

    async def mended(self) -> bool:
        return True


async def drawn(*ends: tuple[int, GatewayError]) -> list[int]:
    sampler: Any = Attempts(*ends)
    watchdog: Any = Mended()
    drawing = Drawing(sampler, watchdog, Metrics())
    return [e.index async for e in drawing.draw(REQUEST, 10) if isinstance(e, SamplerImage)]


async def test_what_was_taken_on_waits_for_a_place_after_a_crash() -> None:
    """All come back at once then, and those that were being drawn wait as well: more than may."""
    died = (1, ModelDiedError("sampler"))
    assert await drawn(died, *[(0, FULL)] * 5) == [0, 1]


async def test_what_finds_no_place_at_first_is_refused() -> None:
    with pytest.raises(ResourceExhaustedError):
        await drawn((0, FULL))
