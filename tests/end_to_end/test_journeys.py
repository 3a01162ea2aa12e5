"""The product's two journeys, and what must survive on the way."""

import asyncio
import io
import math
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import grpc
import numpy as np
import pytest
import pytest_asyncio
from PIL import Image
from skimage import data

from client import LikenessClient, LikenessError
from deploy.monitoring.dashboards import BOARDS
from deploy.stack import Stack, StackConfig
from faceworld import source_image
from faceworld.judges import Judges
from likeness.v1 import identity_service_pb2 as pb
from telemetry.tracing import span, start_tracing
from tests.support.collector import Collector, Span, paths
from tests.support.prometheus import Prometheus, Webhook

pytestmark = pytest.mark.timeout(1200)  # the first one waits until two people are learned

CANDIDATES, ANN = 8, 3  # people of the world


def png(pixels: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    return buffer.getvalue()


async def train(client: LikenessClient, image: bytes, name: str) -> pb.Identity:
    identity = None
    async for update in client.train(image, name):
        identity = update.identity
    assert identity is not None
    return identity


async def draw(client: LikenessClient, prompt: str, **drawing: object) -> np.ndarray:
    """The pictures, ``[N, H, W, 3]`` uint8."""
    pictures = await client.generate(prompt, seed=11, steps=20, **drawing)  # type: ignore[arg-type]
    return np.stack([np.asarray(Image.open(io.BytesIO(each.data))) for each in pictures])


async def draw_traced(
    client: LikenessClient, collector: Collector, trace: str, prompt: str
) -> list[Span]:
    """Draws within a trace, and returns what gateway and Triton told of it.

    Triton sends a span once, and one that gets lost is lost: then it is asked anew.
    """

    processes = {"likeness-gateway", "likeness-triton"}

    def told(spans: list[Span]) -> list[Span]:
        return [each for each in spans if each.trace_id == trace and each.process in processes]

    def both(spans: list[Span]) -> bool:
        return {each.process for each in told(spans)} == processes

    for _ in range(3):
        await draw(client, prompt)
        spans = await asyncio.to_thread(collector.wait_until, both, 20)
        if both(spans):
            return told(spans)
    raise AssertionError(f"{processes - {each.process for each in told(spans)}} tells nothing")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def people(
    stack: Stack, config: StackConfig, prometheus: Prometheus
) -> dict[str, pb.Identity]:
    """A person of the world and a real photograph, learned at once while Prometheus looks."""
    sources = {"ann": source_image(ANN), "astronaut": data.astronaut()}
    async with LikenessClient(f"127.0.0.1:{config.gateway_port}") as client:
        learned = await asyncio.gather(
            *(train(client, png(pixels), name) for name, pixels in sources.items())
        )
    return dict(zip(sources, learned, strict=True))


async def test_the_face_that_was_learned_is_the_face_that_is_drawn(
    people: dict[str, pb.Identity], client: LikenessClient, judges: Judges
) -> None:
    assert people["ann"].state == pb.Identity.STATE_READY
    assert people["ann"].stage_count == 5
    drawn = await draw(client, "a photo of the face of <ann>", image_count=4)
    sources = np.stack([source_image(index) for index in range(CANDIDATES)])
    likeness = judges.identity_embedding(drawn) @ judges.identity_embedding(sources).T
    assert (likeness.argmax(axis=1) == ANN).sum() >= 3
    assert float(likeness[:, ANN].mean()) > 0.5


async def test_two_identities_and_plain_words_share_the_sampler(
    people: dict[str, pb.Identity], client: LikenessClient
) -> None:
    alone = await draw(client, "a photo of the face of <ann>")
    together = await asyncio.gather(
        draw(client, "a photo of the face of <ann>"),
        draw(client, "a photo of the face of <astronaut>"),
        draw(client, "a photo of a person at the beach", image_count=3),
        draw(client, "a photo of <ann> and <astronaut>"),
    )
    difference = np.abs(alone.astype(int) - together[0])
    assert difference.max() <= 1, "a picture depends on its neighbours in the batch"


async def test_a_real_photograph_runs_through(
    people: dict[str, pb.Identity], client: LikenessClient
) -> None:
    (picture,) = await draw(client, "a photo of <astronaut> holding a cup")
    assert picture.shape == (64, 64, 3)


async def test_a_training_survives_kill_nine(
    client: LikenessClient, stack: Stack, kill: Callable[[str], None]
) -> None:
    kills, floor = [(60, "gateway"), (100, "trainer")], 0
    identity = None
    training = await client.start_training(png(source_image(7)), "survivor")
    async for update in client.watch(training.name):
        metadata = update.metadata
        assert metadata.step >= floor, "it began anew"
        if kills and metadata.step >= kills[0][0]:
            kill(kills.pop(0)[1])
            await asyncio.to_thread(stack.up)
            floor = 10  # of seconds between two checkpoints, a few dozen steps are lost
        identity = update.identity
    assert (kills, metadata.attempt) == ([], 3)
    assert identity is not None
    assert identity.state == pb.Identity.STATE_READY


async def test_no_panel_of_a_dashboard_is_empty(
    people: dict[str, pb.Identity], client: LikenessClient, prometheus: Prometheus
) -> None:
    for _ in range(2):  # a rate needs two samples with growth between them
        await draw(client, "a photo of <ann>")
        await asyncio.to_thread(prometheus.await_scrape)
    empty = []
    for board in BOARDS:
        for panel in board.panels:
            for expression in panel.queries.values():
                asked = expression.replace("$__rate_interval", "15m")  # since people were learned
                if not any(
                    math.isfinite(float(each["value"][1])) for each in prometheus.query(asked)
                ):
                    empty.append(f"{board.title}: {panel.title}: {asked}")
    assert not empty, "\n".join(empty)


async def test_one_trace_goes_through_all_processes(
    client: LikenessClient,
    collector: Collector,
    prometheus: Prometheus,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("OTEL_TRACES_SAMPLER", "always_on")
    end_tracing = start_tracing("test")
    with span("journey") as journey:
        training = await client.start_training(png(source_image(2)), "traced")
        with suppress(LikenessError):  # as it is cancelled
            async for update in client.watch(training.name):
                if update.metadata.step:
                    await client.cancel_operation(training.name)
        trace = f"{journey.get_span_context().trace_id:032x}"
        await draw_traced(client, collector, trace, "a photo of a person")
    await asyncio.to_thread(end_tracing)
    identity, generation = "likeness.v1.IdentityService", "likeness.v1.GenerationService"
    wanted = [
        f"test journey > test {identity}/TrainIdentity > "
        f"likeness-gateway {identity}/TrainIdentity > likeness-gateway attempt > "
        "likeness-trainer training",
        f"test journey > test {generation}/Generate > "
        f"likeness-gateway {generation}/Generate > likeness-triton InferRequest",
    ]
    seen = await asyncio.to_thread(
        collector.wait_until, lambda spans: set(wanted) <= set(paths(spans, trace)), 20
    )
    assert set(wanted) <= set(paths(seen, trace)), "\n".join(paths(seen, trace))
    for metric in ("likeness_generation_seconds_bucket", "likeness_training_seconds_bucket"):
        assert trace in await asyncio.to_thread(prometheus.exemplars, metric, 20)


async def test_a_lost_triton_is_told_and_mended(
    client: LikenessClient,
    stack: Stack,
    kill: Callable[[str], None],
    prometheus: Prometheus,
    webhook: Webhook,
) -> None:
    kill("triton")
    with pytest.raises(LikenessError) as caught:
        await client.generate("a photo of a person", steps=5)
    assert caught.value.code is grpc.StatusCode.UNAVAILABLE
    alert = await asyncio.to_thread(webhook.wait_for, "LikenessTritonDown", "firing", 60)
    assert alert["labels"]["severity"] == "critical"
    assert Path(alert["annotations"]["runbook_url"]).is_file()
    await asyncio.to_thread(stack.up)
    (picture,) = await draw(client, "a photo of a person")
    assert picture.shape == (64, 64, 3)
    await asyncio.to_thread(webhook.wait_for, "LikenessTritonDown", "resolved", 60)


async def test_no_process_tells_what_was_asked_for(
    people: dict[str, pb.Identity],
    client: LikenessClient,
    config: StackConfig,
    collector: Collector,
) -> None:
    trace = "5e" * 16
    with span("asked", {"traceparent": f"00-{trace}-{'5e' * 8}-01"}):
        spans = await draw_traced(client, collector, trace, "<astronaut> plays the xylophone")
    files = [
        file
        for folder in ("logs", "jobs")  # of processes; of trainings
        for file in (config.home / folder).rglob("*")
        if file.is_file()
    ]
    assert {"gateway.log", "triton.log"} <= {file.name for file in files}
    told = [(each.name, each.text) for each in spans]
    told += [(str(file), file.read_text(errors="replace")) for file in files]
    for source, text in told:
        for mark in ("xylophone", "astronaut"):
            assert mark not in text.lower(), source
