"""Health that is true: every check asks the parts that the service stands on."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

from grpc_health.v1 import health_pb2, health_pb2_grpc

from service.bundle import BundleSource
from service.context import Context
from service.errors import NotFoundError, UnavailableError
from service.metrics import Metrics
from service.sampler_client import SamplerClient
from service.store import Database
from service.watchdog import Watchdog

GENERATION_SERVICE = "likeness.v1.GenerationService"
PROVENANCE_SERVICE = "likeness.v1.ProvenanceService"
SERVICES = (
    "",
    "likeness.v1.IdentityService",
    "google.longrunning.Operations",
    GENERATION_SERVICE,
    PROVENANCE_SERVICE,
)
WATCH_SECONDS = 1.0
PROBE_SECONDS = 5.0
"""How long the database may take for a write before it counts as away."""


class Readiness:
    """What the gateway's services need: the database for identities, Triton for pictures."""

    def __init__(
        self,
        database: Database,
        sampler: SamplerClient,
        watchdog: Watchdog,
        bundles: BundleSource,
        metrics: Metrics,
    ) -> None:
        self._database, self._sampler, self._watchdog = database, sampler, watchdog
        self._bundles, self._metrics = bundles, metrics
        self._stop = asyncio.Event()

    def stop(self) -> None:
        """From now on nothing is ready: the gateway shuts down."""
        self._stop.set()

    @property
    def stopping(self) -> bool:
        """Whether the gateway shuts down."""
        return self._stop.is_set()

    async def pause(self) -> None:
        """Waits before the next look, or until the gateway shuts down."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(WATCH_SECONDS):
                await self._stop.wait()

    async def store(self) -> bool:
        """Whether the database accepts a write."""
        try:
            async with asyncio.timeout(PROBE_SECONDS):
                await self._database.beat()
            ready = True
        except (UnavailableError, TimeoutError):
            ready = False
        self._metrics.store_up.set(ready)
        return ready

    async def triton(self) -> bool:
        """Whether Triton's models are loaded and answer, and their bundle is readable."""
        ready = (
            await self._sampler.ready()
            and await self._watchdog.alive()
            and await self._bundles.find() is not None
        )
        self._metrics.triton_up.set(ready)
        return ready

    async def of(self, service: str) -> bool:
        """Whether a service can do its work; "" is the gateway itself.

        Raises:
            NotFoundError: there is no such service.
        """
        if service not in SERVICES:
            raise NotFoundError("grpc.health.v1/Service", service)
        if self.stopping or service == PROVENANCE_SERVICE:
            return not self.stopping  # it stands on nothing else
        if not await self.store():
            return False
        return service != GENERATION_SERVICE or await self.triton()


class HealthService(health_pb2_grpc.HealthServicer):  # type: ignore[misc]
    """The standard health protocol."""

    def __init__(self, readiness: Readiness) -> None:
        self._readiness = readiness

    async def Check(
        self, request: health_pb2.HealthCheckRequest, context: Context
    ) -> health_pb2.HealthCheckResponse:
        """The state at this moment."""
        try:
            return await self._response(request.service)
        except NotFoundError as error:
            await context.abort(error.code, error.message)
            raise

    async def Watch(
        self, request: health_pb2.HealthCheckRequest, _context: Context
    ) -> AsyncIterator[health_pb2.HealthCheckResponse]:
        """The state now and whenever it changes.

        It ends when the gateway shuts down, which would wait for it as for any call.
        """
        last = None
        stopping = False
        while not stopping:
            stopping = self._readiness.stopping  # before the look: then its outcome is the last one
            try:
                response = await self._response(request.service)
            except NotFoundError:
                unknown = health_pb2.HealthCheckResponse.SERVICE_UNKNOWN
                response = health_pb2.HealthCheckResponse(status=unknown)
            if response != last:
                yield response
                last = response
            await self._readiness.pause()

    async def _response(self, service: str) -> health_pb2.HealthCheckResponse:
        serving = await self._readiness.of(service)
        response = health_pb2.HealthCheckResponse
        return response(status=response.SERVING if serving else response.NOT_SERVING)
