"""Several gateways watch one Triton in which processes die, and some callers don't stay."""

import asyncio
import signal
import time
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tritonclient.grpc.aio as triton
from tritonclient.utils import InferenceServerException

from deploy.triton import TritonServer
from identity import ServingBundle
from sampler.heartbeat import FRESH_SECONDS
from service.drawing import Drawing
from service.errors import UnavailableError
from service.metrics import Metrics
from service.sampler_client import SamplerClient
from service.sampler_events import SamplerImage
from service.sampler_request import SamplerRequest
from service.watchdog import Watchdog
from tests.support.serving import kill_stub, open_stream

INTERVAL_SECONDS = 0.2
PATIENCE_SECONDS = 150.0
"""Of callers: the sampler takes long to load on a busy machine."""


class Gateway:
    """As much of one as draws and mends."""

    def __init__(self, address: str) -> None:
        self.sampler = SamplerClient(address, 5.0)
        metrics = Metrics()
        self.watchdog = Watchdog(self.sampler, metrics, INTERVAL_SECONDS)
        self.drawing = Drawing(self.sampler, self.watchdog, metrics)

    async def draw(
        self, request: SamplerRequest, begun: Callable[[], Any] = lambda: None
    ) -> dict[int, Any]:
        """The pictures; ``begun`` is called when the first step is done."""
        pictures: dict[int, Any] = {}
        steps = 0
        async for event in self.drawing.draw(request, PATIENCE_SECONDS):
            if isinstance(event, SamplerImage):
                pictures[event.index] = event.pixels
            elif not steps and (steps := getattr(event, "step", 0)):
                begun()
        return pictures


@pytest.fixture(scope="module")
def mortal(bundle: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[TritonServer]:
    with TritonServer(bundle, tmp_path_factory.mktemp("triton"), threads=1) as server:
        yield server


@pytest.fixture
async def gateway(mortal: TritonServer) -> AsyncIterator[Gateway]:
    gateway = Gateway(mortal.grpc_address)
    assert await gateway.watchdog.check()
    yield gateway
    await gateway.sampler.close()


@pytest.fixture
async def another(mortal: TritonServer) -> AsyncIterator[Gateway]:
    another = Gateway(mortal.grpc_address)
    yield another
    await another.sampler.close()


@pytest.fixture
async def client(mortal: TritonServer) -> AsyncIterator[triton.InferenceServerClient]:
    async with triton.InferenceServerClient(mortal.grpc_address) as client:
        yield client


@pytest.fixture
def wanted(bundle: Path) -> Callable[..., SamplerRequest]:
    described = ServingBundle.load(bundle)
    ids = np.ones(described.text_window, np.int64)

    def wanted(steps: int, pictures: int) -> SamplerRequest:
        return SamplerRequest(
            ids,
            ids,
            (),
            np.zeros((0, described.stages, 2, described.token_width), np.float32),
            tuple(range(pictures)),
            steps,
            4.0,
            None,
            "ddim",
            described.image_height,
            described.image_width,
            None,
            1.0,
            0,
            "",
            0,
        )

    return wanted


async def test_a_caller_who_leaves_leaves_no_model_unloaded(
    gateway: Gateway, mortal: TritonServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    unload = triton.InferenceServerClient.unload_model

    async def unload_and_leave(*args: Any, **options: Any) -> None:
        await unload(*args, **options)
        leaving.cancel()

    monkeypatch.setattr(triton.InferenceServerClient, "unload_model", unload_and_leave)
    kill_stub(mortal, "vae_encoder")
    await asyncio.sleep(1.5 * FRESH_SECONDS)  # so long a heartbeat trusts the last answer
    leaving = asyncio.create_task(gateway.watchdog.check())
    staying = asyncio.create_task(gateway.watchdog.check())
    await asyncio.wait([leaving])
    assert leaving.cancelled()
    assert await staying
    assert not await gateway.sampler.missing()


async def test_a_model_that_another_has_unloaded_is_loaded(
    gateway: Gateway,
    client: triton.InferenceServerClient,
    wanted: Callable[..., SamplerRequest],
) -> None:
    await client.unload_model("vae_decoder")
    assert len(await gateway.draw(wanted(3, 1))) == 1


async def test_a_load_that_fails_costs_nothing_but_time(
    gateway: Gateway,
    mortal: TritonServer,
    wanted: Callable[..., SamplerRequest],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    load = triton.InferenceServerClient.load_model
    failed: list[Any] = []

    async def fail_once(*args: Any, **options: Any) -> None:
        if not failed:
            failed.append(args)
            raise InferenceServerException("failed to load 'unet'")
        await load(*args, **options)

    monkeypatch.setattr(triton.InferenceServerClient, "load_model", fail_once)
    kill_stub(mortal, "unet")
    assert len(await gateway.draw(wanted(3, 1))) == 1
    assert failed


async def test_who_draws_is_told_that_the_sampler_lives(
    client: triton.InferenceServerClient, wanted: Callable[..., SamplerRequest]
) -> None:
    stream = open_stream(client, wanted(150, 16).tensors(PATIENCE_SECONDS))
    try:
        async for result, error in stream:
            assert error is None
            if result.as_numpy("alive") is not None:
                return
        pytest.fail("the drawing ended without a word of it")
    finally:
        stream.cancel()


async def test_a_sampler_that_dies_costs_the_callers_of_no_gateway_anything_but_time(
    gateway: Gateway,
    another: Gateway,
    mortal: TritonServer,
    wanted: Callable[..., SamplerRequest],
) -> None:
    """Only one of them watches: the other learns from its stream alone."""
    request = wanted(150, 4)
    expected = await gateway.draw(request)
    begun = asyncio.Event()
    drawing = [
        asyncio.create_task(gateway.draw(request)),
        asyncio.create_task(another.draw(request, begun.set)),
    ]
    await begun.wait()
    kill_stub(mortal, "sampler")
    watching = asyncio.create_task(gateway.watchdog.run())
    try:
        for pictures in await asyncio.gather(*drawing):
            assert sorted(pictures) == sorted(expected)
            assert all(np.array_equal(pictures[i], expected[i]) for i in expected)
    finally:
        watching.cancel()


async def test_a_sampler_that_dies_amid_a_heartbeat_is_loaded_anew(
    gateway: Gateway, mortal: TritonServer
) -> None:
    await asyncio.sleep(1.5 * FRESH_SECONDS)  # so long a heartbeat trusts the last answer
    kill_stub(mortal, "unet", signal.SIGSTOP)
    beating = asyncio.create_task(gateway.watchdog.check())
    await asyncio.sleep(0.5)
    assert not beating.done()
    kill_stub(mortal, "sampler")
    kill_stub(mortal, "unet", signal.SIGCONT)
    assert await beating


async def test_models_that_do_not_come_back_are_unavailable_at_the_deadline(
    gateway: Gateway,
    client: triton.InferenceServerClient,
    wanted: Callable[..., SamplerRequest],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def fail(*_args: Any, **_options: Any) -> None:
        raise InferenceServerException("failed to load 'vae_decoder'")

    await client.unload_model("vae_decoder")
    with monkeypatch.context() as broken:
        broken.setattr(triton.InferenceServerClient, "load_model", fail)
        began = time.monotonic()
        with pytest.raises(UnavailableError):
            async for _ in gateway.drawing.draw(wanted(3, 1), 3.0):
                pass
        assert time.monotonic() - began > 2.5
    assert await gateway.watchdog.check()
