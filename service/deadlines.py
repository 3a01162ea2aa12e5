"""Every call ends: one without a deadline gets the service's."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from service.errors import DeadlineExceededError
from service.surrounding import Call, SurroundingInterceptor

OWN = (
    "google.longrunning.Operations/WaitOperation",  # waits as long as it is asked to
    "likeness.v1.GenerationService/Generate",  # LIKENESS_GENERATION__TIMEOUT_SECONDS
)
"""Calls that set their own end. Streams do too, or end with their caller."""


class DeadlineInterceptor(SurroundingInterceptor):
    """Ends unary calls that bring no deadline.

    Args:
        seconds: how long they may take.
    """

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds

    @asynccontextmanager
    async def around(self, call: Call) -> AsyncIterator[None]:
        if call.streams or call.method in OWN or call.context.time_remaining() is not None:
            yield
            return
        async with within(self._seconds, f"no deadline was set, and {self._seconds:g} s are over"):
            yield


@asynccontextmanager
async def within(seconds: float, message: str) -> AsyncIterator[None]:
    """Ends what takes longer.

    Raises:
        DeadlineExceededError: with this message.
    """
    try:
        async with asyncio.timeout(seconds) as limit:
            yield
    except TimeoutError as error:
        if not limit.expired():
            raise
        raise DeadlineExceededError(message, "DEADLINE_EXCEEDED") from error
