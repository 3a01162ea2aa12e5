"""What `likeness-admin doctor` looks at. Every check opens its own connections, changes nothing
that lasts, and tells nothing secret: of an error that may quote a setting only its kind.
"""

import asyncio
import platform
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.metadata import version
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import url2pathname

from sqlalchemy.engine import make_url
from sqlalchemy.exc import SQLAlchemyError

from identity import BundleError, ServingBundle
from service.admin.certificate_checks import content_credentials, tls
from service.admin.doctor import Check, TroubleError, Verdict
from service.admin.model_checks import bundle, trainer
from service.blobs import BlobStore
from service.errors import DataLossError, GatewayError, ModelDiedError, UnavailableError
from service.leadership import led
from service.sampler_client import MODELS, SamplerClient, models_of
from service.settings import Settings
from service.store import SECOND, Database, JobStore, LeadershipStore, OperationState, now
from service.store.server import server_of

CLOCK_SECONDS = 5.0
"""How far clocks may differ: deadlines, expiry of keys and tokens, and blobs' ages are compared
across machines, to the second.
"""
HEARTBEAT_SECONDS = 20.0


async def database(settings: Settings) -> str:
    """It answers, has this package's schema and accepts a write."""
    async with _opened(settings) as opened:
        server = (await server_of(opened)).name
        found, wanted = await opened.revisions()
        schema = f"{server}, schema {found or 'empty'}"
        if found < wanted:
            raise TroubleError(f"{schema}, not {wanted}", "use likeness-admin migrate")
        began = time.perf_counter()
        await opened.beat()
        seconds = time.perf_counter() - began
    if found > wanted:
        advice = "a gateway tells when it starts whether it can work with it"
        raise TroubleError(f"{schema} is newer than this package's {wanted}", advice, Verdict.WARN)
    return f"{schema}, a write took {seconds * 1000:.0f} ms"


async def blobs(settings: Settings) -> str:
    """An object can be written, read and erased."""
    began = time.perf_counter()
    try:
        await _storage(settings).probe()
    except (DataLossError, UnavailableError) as error:
        advice = "see LIKENESS_BLOBS__URL and its credentials, docs/runbooks/storage-fails.md"
        raise TroubleError(f"{error.message} ({_cause(error)})", advice) from error
    except FileNotFoundError as error:
        raise TroubleError("there is no such bucket", "see LIKENESS_BLOBS__URL") from error
    return f"an object was written, read and erased in {time.perf_counter() - began:.2f} s"


async def clock(settings: Settings) -> str:
    """This machine's clock goes with those of database and storage."""
    clocks = {"database": _database_skew(settings), "storage": _storage_skew(settings)}
    found = await asyncio.gather(*clocks.values(), return_exceptions=True)
    skews = {
        name: skew
        for name, skew in zip(clocks, found, strict=True)
        if isinstance(skew, float)  # who doesn't answer has a line of his own
    }
    if not skews:
        advice = "the clock can't be compared before they answer"
        raise TroubleError("neither database nor storage tells the time", advice)
    told = ", ".join(f"{name} {skew:+.1f} s" for name, skew in skews.items())
    text = f"against this machine: {told}; limit {CLOCK_SECONDS:g} s"
    if max(map(abs, skews.values())) > CLOCK_SECONDS:
        raise TroubleError(text, "let NTP set all clocks")
    return text


async def triton(settings: Settings) -> str:
    """It is live, and all models are ready and answer."""
    sampler = SamplerClient(settings.triton.url, settings.triton.probe_seconds)
    advice = "see LIKENESS_TRITON__URL, docs/runbooks/triton-down.md"
    try:
        models = models_of(await asyncio.to_thread(ServingBundle.load, settings.bundle))
    except BundleError:
        models = MODELS  # the bundle has a line of its own
    try:
        server = f"Triton {await sampler.version()}"
        if missing := await sampler.missing(models):
            raise TroubleError(f"{server} is live, not ready are {', '.join(missing)}", advice)
        began = time.perf_counter()
        await sampler.heartbeat(HEARTBEAT_SECONDS)
    except ModelDiedError as error:
        found = f"{server} calls {error.model} ready, but its process has died"
        raise TroubleError(found, "a running gateway loads it anew; or restart Triton") from error
    except GatewayError as error:
        raise TroubleError(f"{settings.triton.url}: {error.message}", advice) from error
    finally:
        await sampler.close()
    return f"{server}, {len(models)} models answered in {time.perf_counter() - began:.2f} s"


async def trainings(settings: Settings) -> str:
    """Some gateway leads, and may start them."""
    async with _opened(settings) as opened:
        queue = await JobStore(opened).queue()
        leads = await led(LeadershipStore(opened))
    running, waiting = OperationState.RUNNING, OperationState.QUEUED
    counts = f"{queue.states[running]} run, {queue.states[waiting]} wait"
    if queue.drained:
        advice = "likeness-admin drain --end takes up again"
        raise TroubleError(f"{counts}, and none is started: drained", advice, Verdict.WARN)
    if not leads:
        advice = "start a gateway, see docs/runbooks/nobody-dispatches.md"
        raise TroubleError(f"{counts}, and no gateway leads", advice, Verdict.WARN)
    return f"{counts}, a gateway leads"


async def versions(_settings: Settings) -> str:
    """What runs here; database and Triton tell theirs in their own lines."""
    names = ("likeness", "grpcio", "protobuf", "sqlalchemy", "tritonclient")
    packages = ", ".join(f"{name} {version(name)}" for name in names)
    return f"{packages}, Python {platform.python_version()}"


CHECKS: dict[str, Check] = {
    "database": database,
    "blobs": blobs,
    "clock": clock,
    "triton": triton,
    "bundle": bundle,
    "trainer": trainer,
    "trainings": trainings,
    "tls": tls,
    "content-credentials": content_credentials,
    "versions": versions,
}


@asynccontextmanager
async def _opened(settings: Settings) -> AsyncIterator[Database]:
    advice = "see LIKENESS_DATABASE__URL, docs/runbooks/store-down.md"
    try:
        opened = _store(settings)
    except (SQLAlchemyError, ImportError) as error:
        raise TroubleError(f"can't be used ({type(error).__name__})", advice) from error
    try:
        yield opened
    except UnavailableError as error:
        raise TroubleError(f"{error.message} ({_cause(error)})", advice) from error
    finally:
        await opened.close()


def _store(settings: Settings) -> Database:
    url = make_url(settings.database.url)
    if url.get_backend_name() == "sqlite" and not Path(url.database or "").is_file():
        # SQLite would make it.
        raise TroubleError(f"there is no file {url.database}", "use likeness-admin migrate")
    return Database(settings.database.url)


def _storage(settings: Settings) -> BlobStore:
    url = settings.blobs.url
    if url.startswith("file:"):
        directory = Path(url2pathname(urlsplit(url).path))
        if not directory.is_dir():  # the store would make it
            advice = "a gateway makes it when it starts, see LIKENESS_BLOBS__URL"
            raise TroubleError(f"there is no directory {directory}", advice)
    return BlobStore(url)


def _cause(error: BaseException) -> str:
    """What kind of error was the first of all; what it says may quote a password."""
    while error.__cause__ is not None:
        error = error.__cause__
    return type(error).__name__


async def _database_skew(settings: Settings) -> float | None:
    async with _opened(settings) as opened:
        before = now()
        told = (await server_of(opened)).time
        return None if told is None else _skew(before, told, told, now())


async def _storage_skew(settings: Settings) -> float:
    before = now()
    written = await _storage(settings).probe()
    told = round(written.timestamp() * SECOND)
    return _skew(before, told, told + SECOND, now())  # object stores leave fractions out


def _skew(before: int, earliest: int, latest: int, after: int) -> float:
    """By how many seconds another clock surely is ahead of ours, negative if it is behind.

    Args:
        before: by our clock, when the other was not asked yet.
        earliest, latest: what the other told.
        after: by our clock, when its answer was here.
    """
    return (max(0, earliest - after) + min(0, latest - before)) / SECOND
