"""Gateways with the parts that a test needs: a bundle, a trainer, Triton."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from basemodel import load
from deploy.triton import TritonServer
from export.build import describe
from export.sizes import PictureSizes
from identity import ServingBundle
from service.images import ImageDecoder
from service.store import Database, LeadershipStore
from tests.service.gateway import Gateway, encode, running, scripted
from tests.support.postgres import PostgresServer
from tests.support.random_checkpoint import write_random_checkpoint


@pytest.fixture(scope="session")
def photo() -> bytes:
    """A picture that is not of one colour."""
    pixels = np.random.default_rng(0).integers(0, 255, (8, 8, 3), np.uint8)
    return encode(Image.fromarray(pixels).resize((96, 80), Image.Resampling.BICUBIC))


@pytest.fixture
async def decoder() -> AsyncIterator[ImageDecoder]:
    decoder = ImageDecoder()
    yield decoder
    await decoder.close()


@pytest.fixture(scope="session")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_random_checkpoint(tmp_path_factory.mktemp("base") / "checkpoint")


@pytest.fixture(scope="session")
def light_bundle(checkpoint: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The part of a serving bundle that the gateway reads: no models, and so made in no time."""
    directory = tmp_path_factory.mktemp("light-bundle")
    base = load(checkpoint)
    (directory / "tokenizer.json").write_text(base.tokenizer_json)
    np.save(directory / "token_embeddings.npy", np.zeros((600, base.token_width), np.float32))
    height, width = base.image_size
    sizes = PictureSizes(height, width, 32, 128, multiple=8, pixels_per_latent=8)
    describe(base, "none", 8, sizes).save(directory)
    return directory


@pytest.fixture
def start_gateway(tmp_path: Path) -> Iterator[Callable[..., Gateway]]:
    """Starts gateways of the test's own. What they logged is shown if the test fails."""
    started: list[tuple[Path, Iterator[Gateway]]] = []

    def start(**settings: str) -> Gateway:
        home = tmp_path / f"gateway-{len(started)}"
        home.mkdir()
        gateway = Gateway(home, settings)
        runs = running(gateway)
        started.append((gateway.log, runs))
        return next(runs)

    yield start
    for log, runs in started:
        next(runs, None)
        print(log.read_text())


@pytest.fixture(scope="module")
def gateway(light_bundle: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    """A module's gateway: a bundle, no Triton, and a trainer that succeeds at once."""
    home = tmp_path_factory.mktemp("gateway")
    yield from running(Gateway(home, {"BUNDLE": str(light_bundle), **scripted("succeed")}))


@pytest.fixture(scope="module")
def studio(
    bundle: Path, triton: TritonServer, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Gateway]:
    """A gateway with a real Triton."""
    settings = {
        "BUNDLE": str(bundle),
        "TRITON__URL": triton.grpc_address,
        **scripted("succeed", model=ServingBundle.load(bundle).base_model_digest),
    }
    yield from running(Gateway(tmp_path_factory.mktemp("studio"), settings))


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    server = PostgresServer()
    yield server
    server.close()


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Of an empty database."""
    if request.param == "sqlite":
        return f"sqlite+aiosqlite:///{tmp_path}/store.db"
    return request.getfixturevalue("postgres").database()


@pytest.fixture
async def database(url: str) -> AsyncIterator[Database]:
    database, another = Database(url), Database(url)
    await asyncio.gather(database.migrate(), another.migrate())  # gateways that start together
    await another.close()
    yield database
    await database.close()


@pytest.fixture
async def term(database: Database) -> int:
    """Under which jobs are claimed."""
    leadership = LeadershipStore(database)
    term = await leadership.take(await leadership.reign(), "holder")
    assert term is not None
    return term
