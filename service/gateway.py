"""Puts the gateway together and runs it until it is told to stop."""

import asyncio
import contextlib
import signal
from contextlib import AsyncExitStack

import structlog
from sqlalchemy.exc import SQLAlchemyError

from service import monitor
from service.attempts import Attempts
from service.audit import AuditLog
from service.auth import Authenticator
from service.auth.api_keys import ApiKeys
from service.auth.server_tls import listen
from service.backend_local import LocalBackend, worker_command
from service.blobs import BlobStore
from service.bundle import BundleSource
from service.cache import IdentityCache
from service.credentials import CertificateError
from service.dispatcher import Dispatcher
from service.drawing import Drawing
from service.encryption import LocalKeys
from service.errors import UnavailableError
from service.events import TrainingEvents
from service.following import follow
from service.generation import GenerationService
from service.health import HealthService, Readiness
from service.identities import IdentityService
from service.images import ImageDecoder
from service.jobs import JobBackend
from service.leadership import Leadership
from service.logs import fault, set_level
from service.member import Member
from service.metrics import Metrics
from service.metrics_server import serve
from service.operations import OperationsService
from service.planning import Planner
from service.provenance import Provenance, ProvenanceService
from service.quotas import Quotas
from service.sampler_client import SamplerClient
from service.server import Services, make_server
from service.settings import Settings
from service.sources import SourceImages
from service.startup import GatewayDownError, only_gateway
from service.store import (
    ApiKeyStore,
    AuditStore,
    Database,
    IdentityStore,
    JobStore,
    LeadershipStore,
    Limits,
    OperationStore,
    QuotaStore,
    SchemaError,
)
from service.tidying import Tidying
from service.trainings import Trainings
from service.transfer import Transfer
from service.watchdog import Watchdog

log = structlog.get_logger()


FINISH_SECONDS = 10.0
"""How long cancellations and erasures may go on when all calls have ended."""


async def run(settings: Settings, member: Member | None = None) -> None:
    """Runs the gateway until SIGTERM or SIGINT.

    Args:
        settings: of the whole gateway.
        member: who this process is, if the gateway has several; then it ends with its parent too.

    Raises:
        GatewayDownError: see there.
    """
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    loop.add_signal_handler(signal.SIGUSR1, set_level, "debug")
    loop.add_signal_handler(signal.SIGUSR2, set_level, settings.log_level)
    async with AsyncExitStack() as stack:
        name = member.name if member else stack.enter_context(only_gateway(settings.jobs.work_dir))
        metrics = Metrics()
        try:
            provenance = Provenance(settings.provenance)
        except CertificateError as error:
            raise GatewayDownError(str(error)) from error
        try:
            database = Database(settings.database.url, metrics)
            stack.push_async_callback(database.close)
            await database.migrate()
        except SchemaError as error:
            raise GatewayDownError(f"can't use the database: {error}") from error
        except (SQLAlchemyError, ImportError, UnavailableError) as error:
            cause = type(error.__cause__ or error).__name__
            raise GatewayDownError(f"can't use the database: {cause}") from error
        sampler = SamplerClient(settings.triton.url, settings.triton.probe_seconds)
        stack.push_async_callback(sampler.close)
        places = settings.jobs.workers * settings.jobs.group_size
        limits = Limits(**settings.quotas.model_dump())
        identities = IdentityStore(database, limits)
        operations = OperationStore(database, places, limits, settings.jobs.tenant_queue)
        quotas = Quotas(QuotaStore(database, limits))
        audit = AuditLog(AuditStore(database))
        jobs = JobStore(database, settings.jobs.tenant_jobs, settings.jobs.retry_seconds)
        blobs = BlobStore(settings.blobs.url, metrics)
        backend = _backend(settings, blobs)
        stack.push_async_callback(backend.close)
        cache = IdentityCache(blobs, settings.identity_cache_bytes, metrics)
        bundles = BundleSource(settings.bundle)
        decoder = ImageDecoder()
        stack.push_async_callback(decoder.close)
        events = TrainingEvents()
        privacy = settings.privacy
        sources = SourceImages(blobs, LocalKeys(privacy.keys), bool(privacy.keys))
        tidying = Tidying(identities, operations, blobs, backend, cache, privacy.retention)
        attempts = Attempts(
            jobs, operations, blobs, sources, backend, events, tidying, metrics, settings.jobs
        )
        dispatcher = Dispatcher(jobs, attempts, metrics, settings.jobs)
        leadership = Leadership(LeadershipStore(database), name, metrics)
        trainings = Trainings(
            identities,
            operations,
            sources,
            dispatcher,
            events,
            tidying,
            metrics,
        )
        watchdog = Watchdog(sampler, metrics, settings.triton.heartbeat_seconds)
        readiness = Readiness(database, sampler, watchdog, bundles, metrics)
        server = make_server(
            Services(
                identities=IdentityService(
                    identities,
                    trainings,
                    events,
                    bundles,
                    decoder,
                    Transfer(identities, blobs, bundles, privacy.require_consent),
                    privacy.require_consent,
                ),
                generation=GenerationService(
                    Planner(identities, cache, bundles, decoder, settings.generation),
                    Drawing(sampler, watchdog, metrics),
                    provenance,
                    quotas,
                    metrics,
                    settings.generation,
                ),
                operations=OperationsService(operations, trainings, events),
                health=HealthService(readiness),
                provenance=ProvenanceService(provenance, decoder),
            ),
            Authenticator(settings.auth, ApiKeys(ApiKeyStore(database))),
            quotas,
            audit,
            metrics,
            settings.calls,
            shares_port=member is not None,
        )
        with contextlib.suppress(UnavailableError):  # the next sweep makes up for it
            await tidying.sweep()
        try:
            if member is None:
                stack.callback(serve(metrics.registry, settings.metrics_listen))
            listen(server, settings.listen, settings.tls)
        except (OSError, RuntimeError) as error:
            addresses = f"{settings.listen} or {settings.metrics_listen}"
            raise GatewayDownError(f"can't listen on {addresses}: is a port taken?") from error
        await server.start()
        background = [
            asyncio.create_task(leadership.run(dispatcher.run)),
            asyncio.create_task(follow(operations, dispatcher, events)),
            asyncio.create_task(tidying.run()),
            asyncio.create_task(monitor.watch(jobs, readiness, metrics)),
            asyncio.create_task(watchdog.run()),
            asyncio.create_task(audit.run()),
        ]
        if member is not None:
            background.append(asyncio.create_task(member.serve_parent()))
        log.info("started", listen=settings.listen)
        stopped = asyncio.create_task(stop.wait())
        await asyncio.wait([stopped, *background], return_when=asyncio.FIRST_COMPLETED)
        log.info("stopping", drain_seconds=settings.drain_seconds)
        readiness.stop()
        events.close()
        failed = [task for task in background if task.done()]
        for task in background:
            task.cancel()
        await asyncio.gather(
            *background, server.stop(settings.drain_seconds), return_exceptions=True
        )
        with contextlib.suppress(TimeoutError):  # the next sweep finishes what is left
            async with asyncio.timeout(FINISH_SECONDS):
                await trainings.finish()
        with contextlib.suppress(UnavailableError):
            await audit.flush()
        log.info("stopped")
        for task in failed:
            if (broken := task.exception()) is not None:
                log.error("background_failed", **fault(broken))
                raise GatewayDownError("a part of the gateway broke; its log says which")


def _backend(settings: Settings, blobs: BlobStore) -> JobBackend:
    jobs, command = settings.jobs, worker_command(settings.jobs, settings.base_model)
    if jobs.backend == "local":
        return LocalBackend(jobs.work_dir, command)
    try:
        from service.backend_ray import RayBackend
    except ImportError as error:
        message = "LIKENESS_JOBS__BACKEND: ray needs the package likeness[ray]"
        raise GatewayDownError(message) from error
    return RayBackend(jobs, command, blobs, settings.blobs.url)
