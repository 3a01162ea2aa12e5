"""The process of a model is killed under load: the caller sees nothing but time."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from grpc_health.v1 import health_pb2

from deploy.triton import TritonServer
from likeness.v1 import generation_service_pb2 as pb
from tests.service.gateway import Gateway, running, scripted
from tests.service.test_generation import GENERATION, draw, spec
from tests.support.serving import kill_stub


@pytest.fixture(scope="module")
def mortal(bundle: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[TritonServer]:
    """A Triton of this module's own, in which processes die."""
    with TritonServer(bundle, tmp_path_factory.mktemp("triton"), threads=1) as server:
        yield server


@pytest.fixture(scope="module")
def gateway(
    bundle: Path, mortal: TritonServer, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Gateway]:
    settings = {
        "BUNDLE": str(bundle),
        "TRITON__URL": mortal.grpc_address,
        "TRITON__HEARTBEAT_SECONDS": "0.2",
        **scripted("succeed"),
    }
    yield from running(Gateway(tmp_path_factory.mktemp("watched"), settings))


Health = health_pb2.HealthCheckResponse


async def until_serving_again(
    watching: AsyncIterator[health_pb2.HealthCheckResponse],
) -> AsyncIterator[health_pb2.HealthCheckResponse]:
    down = False
    async for message in watching:
        yield message
        if down and message.status == Health.SERVING:
            return
        down = down or message.status == Health.NOT_SERVING


@pytest.mark.parametrize("model", ["sampler", "unet"])
async def test_a_dead_model_costs_nothing_but_time(
    gateway: Gateway, mortal: TritonServer, model: str
) -> None:
    wanted = spec(steps=60, image_count=3, scheduler=pb.SCHEDULER_EULER_ANCESTRAL)
    request = pb.StreamGenerateRequest(spec=wanted)
    async with gateway.stubs() as stubs:
        expected = await draw(stubs, wanted)
        progress, images = [], []
        async for event in stubs.generation.StreamGenerate(request):
            if event.HasField("progress"):
                if not progress:
                    kill_stub(mortal, model)
                progress.append((event.progress.step, event.progress.total_steps))
            else:
                images.append(event.image)
        assert await stubs.serving(GENERATION)
    assert sorted(images, key=lambda image: image.index) == expected
    assert progress == sorted(set(progress))
    assert progress[-1] == (180, 180)
    metrics = gateway.metrics()
    assert f'likeness_model_reloads_total{{model="{model}"}} 1.0' in metrics


async def test_an_idle_model_that_dies_is_loaded_again_before_anybody_asks(
    gateway: Gateway, mortal: TritonServer
) -> None:
    kill_stub(mortal, "vae_decoder")
    async with gateway.stubs() as stubs:
        watching = stubs.health.Watch(health_pb2.HealthCheckRequest(service=GENERATION))
        states = [message.status async for message in until_serving_again(watching)]
        assert states[-2:] == [Health.NOT_SERVING, Health.SERVING]
        assert len(await draw(stubs, spec())) == 1
