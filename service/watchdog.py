"""Notices models whose process has died, which Triton itself calls ready, and loads them anew."""

import asyncio
import time

import structlog

from service.errors import GatewayError, ModelDiedError
from service.metrics import Metrics
from service.sampler_client import SamplerClient

log = structlog.get_logger()

HEARTBEAT_SECONDS = 30.0
"""How long a heartbeat may take on a busy machine before the models count as away."""


class Watchdog:
    """Sends heartbeats, and mends what they find.

    Args:
        sampler: the models.
        metrics: counts the reloads.
        interval_seconds: pause between two heartbeats.
    """

    def __init__(self, sampler: SamplerClient, metrics: Metrics, interval_seconds: float) -> None:
        self._sampler, self._metrics = sampler, metrics
        self._interval_seconds = interval_seconds
        self._checking = asyncio.Lock()
        self._alive: bool | None = None

    async def run(self) -> None:
        """Watches until cancelled."""
        while True:
            await self.check()
            await asyncio.sleep(self._interval_seconds)

    async def alive(self) -> bool:
        """Whether the models answered the last heartbeat."""
        return await self.check() if self._alive is None else self._alive

    async def check(self) -> bool:
        """Sends a heartbeat and loads anew what has died, one model after the other.

        Returns:
            Whether all models answer in the end.
        """
        async with self._checking:
            mended: set[str] = set()
            while True:
                began = time.monotonic()
                try:
                    await self._sampler.heartbeat(HEARTBEAT_SECONDS)
                    seconds = time.monotonic() - began
                    self._metrics.heartbeat_seconds.observe(seconds)
                    log.debug("heartbeat", seconds=round(seconds, 4))
                    self._alive = True
                except ModelDiedError as error:
                    self._alive = False
                    if error.model not in mended and await self._reload(error.model):
                        mended.add(error.model)
                        continue
                except GatewayError:
                    self._alive = False
                return self._alive

    async def _reload(self, model: str) -> bool:
        log.warning("model_died", model=model)
        try:
            await self._sampler.reload(model)
        except GatewayError as error:
            log.error("model_not_reloaded", model=model, reason=error.reason)
            return False
        self._metrics.model_reloads.labels(model).inc()
        log.warning("model_reloaded", model=model)
        return True
