"""Pictures: through a real Triton, and what callers are told when there is none."""

import asyncio
import io
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

import grpc
import numpy as np
import pytest
from google.rpc import error_details_pb2
from grpc_health.v1 import health_pb2
from PIL import Image

from deploy.triton import TritonServer
from identity import ServingBundle
from likeness.v1 import generation_service_pb2 as pb
from tests.service.gateway import Gateway, Stubs, details, scripted
from tests.service.test_privacy import MARK

Start = Callable[..., Gateway]
GENERATION = "likeness.v1.GenerationService"


def spec(prompt: str = "a photo of a person", **fields: Any) -> pb.GenerationSpec:
    return pb.GenerationSpec(**{"prompt": prompt, "steps": 3, "seed": 5, **fields})


async def draw(stubs: Stubs, wanted: pb.GenerationSpec, **call: Any) -> list[pb.GeneratedImage]:
    answer = await stubs.generation.Generate(pb.GenerateRequest(spec=wanted), **call)
    return list(answer.images)


async def refused(stubs: Stubs, wanted: pb.GenerationSpec) -> grpc.aio.AioRpcError:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await draw(stubs, wanted, timeout=20)
    return caught.value


def reason(error: grpc.aio.AioRpcError) -> str:
    info: Any = details(error)[error_details_pb2.ErrorInfo]
    return str(info.reason)


def pixels(image: pb.GeneratedImage) -> np.ndarray[Any, np.dtype[np.uint8]]:
    return np.asarray(Image.open(io.BytesIO(image.data)))


async def test_an_identity_is_drawn(studio: Gateway, bundle: Path, photo: bytes) -> None:
    described = ServingBundle.load(bundle)
    async with studio.stubs() as stubs:
        assert await stubs.serving(GENERATION)
        await stubs.finished(await stubs.train(photo, "ann", seed=1))
        await stubs.finished(await stubs.train(photo, "bea", seed=2))
        both = {"ann": "identities/ann", "b": "identities/bea"}
        wanted = spec("<ann> and <b> and <ann>", identities=both, image_count=2, guidance_scale=3)
        images = await draw(stubs, wanted)
        assert [image.seed for image in images] == [5, 6]
        assert [image.index for image in images] == [0, 1]
        assert not images[0].watermarked  # too small
        assert not images[0].content_credentials  # no certificate
        (second,) = await draw(
            stubs, spec(wanted.prompt, identities=both, guidance_scale=3, seed=6)
        )
        swapped = {"ann": "identities/bea", "b": "identities/ann"}
        (other,) = await draw(
            stubs, spec(wanted.prompt, identities=swapped, guidance_scale=3, seed=6)
        )
    assert np.abs(pixels(second).astype(int) - pixels(images[1])).max() <= 1
    assert (pixels(other) != pixels(second)).any()
    for image in images:
        picture = Image.open(io.BytesIO(image.data))
        assert (image.mime_type, picture.format, picture.mode) == ("image/png", "PNG", "RGB")
        assert picture.size == (image.width, image.height)
        assert picture.size == (described.image_width, described.image_height)
        text = dict(picture.text)  # type: ignore[attr-defined]
        xmp = text.pop("XML:com.adobe.xmp")
        assert text == {
            "Software": "Likeness",
            "Seed": str(image.seed),
            "Steps": "3",
            "Guidance Scale": "3",
            "Scheduler": "ddim",
            "Base Model Digest": described.base_model_digest,
            "Digital Source Type": "http://cv.iptc.org/newscodes/digitalsourcetype/"
            "trainedAlgorithmicMedia",
        }
        assert "trainedAlgorithmicMedia" in xmp
        assert b"ann" not in image.data


async def test_several_prompts_are_drawn_at_once(studio: Gateway, photo: bytes) -> None:
    async with studio.stubs() as stubs:
        await stubs.finished(await stubs.train(photo, "many", seed=3))
        bound = {"many": "identities/many"}
        prompts = ["a photo of <many>", "a dog", "<many> and a car"]
        wanted = spec(
            prompts[0], additional_prompts=prompts[1:], identities=bound, image_count=2, steps=2
        )
        images, steps = [], []
        request = pb.StreamGenerateRequest(spec=wanted)
        async for event in stubs.generation.StreamGenerate(request):
            if event.HasField("image"):
                images.append(event.image)
            else:
                steps.append((event.progress.step, event.progress.total_steps))
        images.sort(key=lambda image: int(image.index))
        assert [(each.index, each.prompt_index, each.seed) for each in images] == [
            (index, index // 2, 5 + index % 2) for index in range(6)
        ]
        assert steps == sorted(steps)
        assert steps[-1] == (12, 12)
        (alone,) = await draw(stubs, spec(prompts[2], identities=bound, seed=6, steps=2))
        assert np.abs(pixels(alone).astype(int) - pixels(images[5])).max() <= 1


async def test_an_identity_without_stages_is_the_same_in_all(
    bundle: Path, triton: TritonServer, start_gateway: Start, photo: bytes
) -> None:
    digest = ServingBundle.load(bundle).base_model_digest
    settings = {"BUNDLE": str(bundle), "TRITON__URL": triton.grpc_address}
    gateway = start_gateway(**settings, **scripted("succeed", model=digest, stages=1))
    bound = {"ann": "identities/ann"}
    async with gateway.stubs() as stubs:
        await stubs.finished(await stubs.train(photo, "ann"))
        assert len(await draw(stubs, spec("<ann>", identities=bound))) == 1
        gateway.stop()
        gateway.settings.update(scripted("succeed", model=digest, stages=3))
        gateway.start()
        await stubs.finished(await stubs.train(photo, "bea"))
        error = await refused(stubs, spec("<ann>", identities={"ann": "identities/bea"}))
    assert error.code() is grpc.StatusCode.FAILED_PRECONDITION
    assert reason(error) == "IDENTITY_SHAPE_MISMATCH"


async def test_strength_goes_from_the_class_noun_to_the_identity(
    studio: Gateway, photo: bytes
) -> None:
    async with studio.stubs() as stubs:
        await stubs.finished(await stubs.train(photo, "cleo", seed=3))

        async def drawn(*stages: float, prompt: str = "a photo of <cleo>") -> bytes:
            bound = {"cleo": "identities/cleo"} if "<" in prompt else {}
            strengths = {"cleo": pb.IdentityStrength(stages=stages)} if stages else {}
            (image,) = await draw(
                stubs, spec(prompt, identities=bound, strengths=strengths, guidance_scale=2)
            )
            return pixels(image).tobytes()

        noun = await drawn(prompt="a photo of person")
        whole = await drawn()
        assert await drawn(0) == noun
        assert await drawn(1) == whole
        assert await drawn(1, 1, 1, 1, 1) == whole
        assert len({noun, whole, await drawn(0.5), await drawn(1, 1, 0, 0, 0)}) == 4


async def test_size_scheduler_and_initial_picture_are_the_callers(
    studio: Gateway, photo: bytes
) -> None:
    async with studio.stubs() as stubs:
        asked = spec(width=128, height=64, scheduler=pb.SCHEDULER_EULER_ANCESTRAL)
        (image,) = await draw(stubs, asked)
        assert (image.width, image.height) == (128, 64)
        assert pixels(image).shape == (64, 128, 3)
        text = Image.open(io.BytesIO(image.data)).text  # type: ignore[attr-defined]
        assert text["Scheduler"] == "euler_ancestral"
        start = pb.InitImage(data=photo, strength=0.4)
        request = pb.StreamGenerateRequest(spec=spec(steps=5, init_image=start))
        events = [event async for event in stubs.generation.StreamGenerate(request)]
        assert {event.progress.total_steps for event in events if event.HasField("progress")} == {2}
        (plain,) = await draw(stubs, spec(steps=5))
        assert (pixels(events[-1].image) != pixels(plain)).any()


async def test_previews_come_on_the_way(studio: Gateway, bundle: Path) -> None:
    described = ServingBundle.load(bundle)
    request = pb.StreamGenerateRequest(spec=spec(steps=6), preview_every=2)
    async with studio.stubs() as stubs:
        events = [event async for event in stubs.generation.StreamGenerate(request)]
    previews = [event.preview for event in events if event.HasField("preview")]
    assert [(each.index, each.step) for each in previews] == [(0, 2), (0, 4)]
    for each in previews:
        picture = Image.open(io.BytesIO(each.data))
        assert (each.mime_type, picture.format) == ("image/png", "PNG")
        assert picture.size == (described.latent_width, described.latent_height)


async def test_a_full_queue_says_when_to_come_back_and_the_place_in_it(studio: Gateway) -> None:
    wanted = spec(steps=150)
    async with studio.stubs() as stubs:
        many = [asyncio.create_task(draw(stubs, wanted)) for _ in range(80)]
        done, waiting = await asyncio.wait(many, return_when=asyncio.FIRST_EXCEPTION)
        error = next(task for task in done if task.exception()).exception()
        assert isinstance(error, grpc.aio.AioRpcError)
        assert error.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
        assert reason(error) == "QUEUE_FULL"
        assert error.details() == "64 requests of this tenant wait already"
        retry: Any = details(error)[error_details_pb2.RetryInfo]
        assert retry.retry_delay.ToMilliseconds() > 0
        for task in sorted(waiting, key=many.index)[16:]:
            task.cancel()
        first = None
        while first is None:  # places are free when the sampler has seen that callers left
            stream = stubs.generation.StreamGenerate(pb.StreamGenerateRequest(spec=wanted))
            try:
                first = await anext(aiter(stream))
            except grpc.aio.AioRpcError as refusal:
                if reason(refusal) != "QUEUE_FULL":
                    raise
        assert first.progress.queue_position > 0
        assert first.progress.step == 0
        stream.cancel()
        for task in waiting:
            task.cancel()
        await asyncio.gather(*many, return_exceptions=True)


async def test_what_can_not_meet_its_deadline_is_told_early(studio: Gateway) -> None:
    async with studio.stubs() as stubs:
        await draw(stubs, spec())  # now the sampler knows its pace
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await draw(stubs, spec(steps=150, image_count=16), timeout=0.2)
    assert caught.value.code() is grpc.StatusCode.DEADLINE_EXCEEDED


async def test_a_stream_tells_every_step(studio: Gateway) -> None:
    request = pb.StreamGenerateRequest(spec=spec(image_count=2, steps=4))
    async with studio.stubs() as stubs:
        events = [event async for event in stubs.generation.StreamGenerate(request)]
    progress = [event.progress for event in events if event.HasField("progress")]
    assert {each.total_steps for each in progress} == {8}  # of both pictures
    assert [each.step for each in progress] == sorted(each.step for each in progress)
    assert progress[-1].step == 8
    assert {event.image.index for event in events if event.HasField("image")} == {0, 1}


async def test_unset_numbers_are_the_services(studio: Gateway) -> None:
    request = pb.StreamGenerateRequest(spec=pb.GenerationSpec(prompt="a person"))
    async with studio.stubs() as stubs:
        call = stubs.generation.StreamGenerate(request)
        first = await anext(aiter(call))
        assert first.progress.total_steps == 50
        call.cancel()


async def test_a_caller_who_leaves_frees_the_sampler(studio: Gateway) -> None:
    request = pb.StreamGenerateRequest(spec=spec(steps=150, image_count=16))
    async with studio.stubs() as stubs:
        leaving = stubs.generation.StreamGenerate(request)
        await anext(aiter(leaving))
        assert "likeness_generations_in_flight 1.0" in studio.metrics()
        leaving.cancel()
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await draw(stubs, spec(steps=150, image_count=16), timeout=0.5)
        assert caught.value.code() is grpc.StatusCode.DEADLINE_EXCEEDED
        # Both would take minutes: this one does not wait for them.
        assert await draw(stubs, spec(steps=2))
    metrics = studio.metrics()
    assert "likeness_generations_in_flight 0.0" in metrics
    assert 'likeness_generation_seconds_count{outcome="cancelled"}' in metrics


async def test_a_caller_who_gives_up_on_generate_frees_the_sampler(
    studio: Gateway, triton: TritonServer
) -> None:
    def sampler(metric: str) -> float:
        url = f"http://127.0.0.1:{triton.ports.metrics}/metrics"
        with urllib.request.urlopen(url) as page:
            lines = page.read().decode().splitlines()
        name = f"likeness_sampler_{metric} "
        return float(next(line for line in lines if line.startswith(name)).removeprefix(name))

    async def until(reached: Callable[[], bool]) -> None:
        async with asyncio.timeout(20):
            while not reached():  # noqa: ASYNC110  (a page of numbers)
                await asyncio.sleep(0.02)

    cancelled = 'requests_total{outcome="cancelled"}'
    async with studio.stubs() as stubs:
        await until(lambda: sampler("requests_in_flight") == 0)
        before = sampler(cancelled)
        wanted = spec(steps=150, image_count=16)
        call = stubs.generation.Generate(pb.GenerateRequest(spec=wanted))
        await until(lambda: sampler("requests_in_flight") == 1)
        call.cancel()
        await until(lambda: sampler("requests_in_flight") == 0)
    assert sampler(cancelled) == before + 1


async def test_what_is_being_drawn_when_the_gateway_stops_is_finished(
    bundle: Path, triton: TritonServer, start_gateway: Start
) -> None:
    gateway = start_gateway(BUNDLE=str(bundle), TRITON__URL=triton.grpc_address, DRAIN_SECONDS="60")
    async with gateway.stubs() as stubs:
        health = aiter(stubs.health.Watch(health_pb2.HealthCheckRequest()))
        assert (await anext(health)).status == health_pb2.HealthCheckResponse.SERVING
        request = pb.StreamGenerateRequest(spec=spec(steps=150))
        events = aiter(stubs.generation.StreamGenerate(request))
        await anext(events)
        stopped = asyncio.create_task(asyncio.to_thread(gateway.stop))
        assert (await anext(health)).status == health_pb2.HealthCheckResponse.NOT_SERVING
        with pytest.raises(StopAsyncIteration):  # it would hold up the end
            await anext(health)
        assert not stopped.done()
        *_, last = [event async for event in events]
        assert last.image.finish_reason == pb.GeneratedImage.FINISH_REASON_COMPLETED
        assert await stopped == 0  # as soon as nothing is in flight, not a minute later


async def test_what_is_not_drawn_in_time_when_the_gateway_stops_is_cut_off(
    bundle: Path, triton: TritonServer, start_gateway: Start
) -> None:
    gateway = start_gateway(
        BUNDLE=str(bundle),
        TRITON__URL=triton.grpc_address,
        DRAIN_SECONDS="0.5",
        GENERATION__TIMEOUT_SECONDS="3600",
    )
    async with gateway.stubs() as stubs:
        request = pb.StreamGenerateRequest(spec=spec(steps=150, image_count=16))
        events = aiter(stubs.generation.StreamGenerate(request))
        await anext(events)
        stopped = asyncio.create_task(asyncio.to_thread(gateway.stop))
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            async for _ in events:
                pass
        assert caught.value.code() is grpc.StatusCode.UNAVAILABLE
        assert await stopped == 0


async def test_what_was_drawn_is_in_no_log(
    studio: Gateway, triton: TritonServer, photo: bytes
) -> None:
    """What is refused: tests/service/test_privacy.py."""
    async with studio.stubs() as stubs:
        await stubs.finished(await stubs.train(photo, f"{MARK}-1"))
        bound = {MARK: f"identities/{MARK}-1"}
        wanted = spec(f"<{MARK}> and a {MARK}", identities=bound, negative_prompt=MARK)
        assert await draw(stubs, wanted)
        metrics = studio.metrics()
    assert studio.events("rpc")
    sampler = triton.log.read_text()
    assert sampler
    for told in (studio.log.read_text(), metrics, sampler):
        assert MARK not in told.lower()


async def test_what_cannot_be_drawn_is_refused_by_name(
    start_gateway: Start, light_bundle: Path, photo: bytes
) -> None:
    settings = {"BUNDLE": str(light_bundle), **scripted("succeed", "stall")}
    gateway = start_gateway(**settings)
    bound = {"ann": "identities/ann"}
    async with gateway.stubs() as stubs:
        error = await refused(stubs, spec("<ann>", identities=bound))
        assert error.code() is grpc.StatusCode.NOT_FOUND
        resource: Any = details(error)[error_details_pb2.ResourceInfo]
        assert resource.resource_name == "identities/ann"
        assert "identities/ann" in str(error.details())
        await stubs.finished(await stubs.train(photo, "ann"))
        error = await refused(stubs, spec("<ann>", identities=bound))
        assert error.code() is grpc.StatusCode.FAILED_PRECONDITION
        assert reason(error) == "BASE_MODEL_MISMATCH"
        gateway.kill()
        gateway.settings.update(scripted("stall"))
        gateway.start()
        await stubs.until_step(await stubs.train(photo, "bea"), 1)
        error = await refused(stubs, spec("<ann>", identities={"ann": "identities/bea"}))
        assert error.code() is grpc.StatusCode.FAILED_PRECONDITION
        assert reason(error) == "IDENTITY_NOT_READY"


async def test_without_triton_callers_are_told_when_to_come_back(gateway: Gateway) -> None:
    async with gateway.stubs() as stubs:
        assert await stubs.serving("likeness.v1.IdentityService")
        assert not await stubs.serving(GENERATION)
        error = await refused(stubs, spec())
    assert error.code() is grpc.StatusCode.UNAVAILABLE
    assert reason(error) == "SAMPLER_UNAVAILABLE"
    retry: Any = details(error)[error_details_pb2.RetryInfo]
    assert retry.retry_delay.ToMilliseconds() > 0
    assert "likeness_triton_up 0.0" in gateway.metrics()


async def test_a_triton_that_never_answers_does_not_hold_callers(
    start_gateway: Start, light_bundle: Path
) -> None:
    async def swallow(reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
        while await reader.read(1024):
            pass

    mute = await asyncio.start_server(swallow, "127.0.0.1", 0)
    port = mute.sockets[0].getsockname()[1]
    gateway = start_gateway(
        BUNDLE=str(light_bundle),
        TRITON__URL=f"127.0.0.1:{port}",
        GENERATION__TIMEOUT_SECONDS="0.5",
    )
    async with gateway.stubs() as stubs:
        assert not await stubs.serving(GENERATION)
        error = await refused(stubs, spec())
    assert error.code() in (grpc.StatusCode.DEADLINE_EXCEEDED, grpc.StatusCode.UNAVAILABLE)
    mute.close()


async def test_the_bundle_may_come_later(start_gateway: Start, light_bundle: Path) -> None:
    gateway = start_gateway()
    async with gateway.stubs() as stubs:
        error = await refused(stubs, spec())
        assert (error.code(), reason(error)) == (grpc.StatusCode.UNAVAILABLE, "BUNDLE_MISSING")
        (gateway.home / "no-bundle").symlink_to(light_bundle)
        error = await refused(stubs, spec())
        assert reason(error) == "SAMPLER_UNAVAILABLE"
