"""Notices models whose process has died, which Triton itself calls ready, and loads them anew."""

import asyncio
import time

import structlog

from service.errors import (
    DeadlineExceededError,
    GatewayError,
    ModelDiedError,
    UnavailableError,
)
from service.metrics import Metrics
from service.sampler_client import SamplerClient

log = structlog.get_logger()

HEARTBEAT_SECONDS = 30.0
"""How long a heartbeat may take on a busy machine before the models count as away."""

FIRST_HEARTBEAT_SECONDS = 10.0
"""After so long another one is sent: if the sampler has died meanwhile, the first is never answered
and the next is told so within a second.
"""


class Watchdog:
    """Sends heartbeats, and mends what they find.

    Other gateways may watch the same server, and behind one address there may be several. So
    whatever is not loaded is loaded, whoever unloaded it.

    Args:
        sampler: the models.
        metrics: counts the reloads.
        interval_seconds: pause between two heartbeats.
    """

    def __init__(self, sampler: SamplerClient, metrics: Metrics, interval_seconds: float) -> None:
        self._sampler, self._metrics = sampler, metrics
        self._interval_seconds = interval_seconds
        self._checking: asyncio.Task[bool] | None = None
        self._alive: bool | None = None

    async def run(self) -> None:
        """Watches until cancelled."""
        while True:
            await self.check()
            await asyncio.sleep(self._interval_seconds)

    async def alive(self) -> bool:
        """Whether the models answered the last heartbeat."""
        return await self.check() if self._alive is None else self._alive

    async def mended(self) -> bool:
        """Waits until all models answer; at once False if the server itself is away."""
        while True:
            alive = await self.check()
            try:
                # A heartbeat trusts answers of a moment ago: what is unloaded since shows here.
                if not await self._sampler.absent() and alive:
                    return True
            except UnavailableError:
                return False
            await asyncio.sleep(self._interval_seconds)

    async def check(self) -> bool:
        """Sends a heartbeat and loads anew what has died, one model after the other.

        Those who ask meanwhile share the outcome, and may leave: a model that is unloaded by then
        is loaded all the same.

        Returns:
            Whether all models answer in the end.
        """
        if self._checking is None or self._checking.done():
            self._checking = asyncio.create_task(self._check(), name="heartbeat")
        return await asyncio.shield(self._checking)

    async def _check(self) -> bool:
        mended: set[str] = set()
        while True:
            try:
                await self._heartbeat()
            except GatewayError as error:
                self._alive = False
                if not (loaded := await self._mend(error, mended)):
                    return False
                mended |= loaded
            else:
                self._alive = True
                return True

    async def _heartbeat(self) -> None:
        began = time.monotonic()
        try:
            await self._sampler.heartbeat(FIRST_HEARTBEAT_SECONDS)
        except DeadlineExceededError:
            await self._sampler.heartbeat(HEARTBEAT_SECONDS)
        seconds = time.monotonic() - began
        self._metrics.heartbeat_seconds.observe(seconds)
        log.debug("heartbeat", seconds=round(seconds, 4))

    async def _mend(self, error: GatewayError, mended: set[str]) -> set[str]:
        """Loads what a heartbeat has missed, but nothing twice; what that was, if all went well."""
        try:
            missed = set(await self._sampler.absent()) - mended
        except UnavailableError:
            return set()
        try:
            if isinstance(error, ModelDiedError) and error.model not in missed | mended:
                log.warning("model_died", model=error.model)
                await self._sampler.unload(error.model)
                self._metrics.model_reloads.labels(error.model).inc()
                missed.add(error.model)
            for model in missed:
                await self._sampler.load(model)
                log.warning("model_reloaded", model=model)
        except GatewayError as failed:
            log.error("model_not_reloaded", models=sorted(missed), reason=failed.reason)
            return set()
        return missed
