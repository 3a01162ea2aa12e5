"""The denoising loop over real models in this process: sharing, leaving, failing."""

import asyncio
import threading
import weakref
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from sampler import vae
from sampler.engine import EngineError
from sampler.job import CancelledByCaller
from sampler.picture import Picture
from sampler.request import SamplingRequest
from tests.sampler.conftest import Collector, Gate, Studio


async def test_requests_in_flight_share_steps(studio: Studio) -> None:
    await asyncio.gather(*(studio.draw(studio.request(seeds=(seed,))) for seed in range(4)))
    assert studio.engine.rows["unet"] == [8, 8, 8]


async def test_more_rows_than_fit_take_turns(studio: Studio) -> None:
    many = studio.draw(studio.request(seeds=tuple(range(8)), steps=4))
    late = studio.draw(studio.request(steps=4))
    answers = await asyncio.gather(many, late)
    assert [len(answer.pictures) for answer in answers] == [8, 1]
    assert max(studio.engine.rows["unet"]) <= studio.bundle.max_rows


async def test_a_newcomer_joins_at_the_next_step_and_who_is_done_leaves_at_once(
    studio: Studio,
) -> None:
    await studio.draw(studio.request())  # the features of the prompt are known from now on
    studio.engine.rows["unet"].clear()
    studio.engine.gates["unet"] = gate = Gate()
    first = asyncio.create_task(studio.draw(studio.request(steps=4)))
    await gate.reached.wait()
    newcomer = asyncio.create_task(studio.draw(studio.request(steps=2)))
    for _ in range(20):  # turns of the event loop, more than it needs to be ready
        await asyncio.sleep(0)
    gate.opened.set()
    await asyncio.gather(first, newcomer)
    assert studio.engine.rows["unet"] == [2, 4, 4, 2]


async def test_steps_go_on_while_pictures_are_decoded(studio: Studio) -> None:
    class Watching(Collector):
        all_steps = asyncio.Event()

        def progress(self, done: int, total: int, queue_position: int) -> None:
            super().progress(done, total, queue_position)
            if done == total:
                self.all_steps.set()

    studio.engine.gates["vae_decoder"] = gate = Gate()
    short, long = Collector(), Watching()
    drawing = asyncio.gather(
        studio.sampler.draw(studio.request(steps=1), short),
        studio.sampler.draw(studio.request(steps=6), long),
    )
    await gate.reached.wait()
    await long.all_steps.wait()
    assert studio.engine.rows["unet"] == [4, 2, 2, 2, 2, 2]
    assert (short.pictures, long.pictures) == ({}, {})
    gate.opened.set()
    await drawing
    assert (len(short.pictures), len(long.pictures)) == (1, 1)


async def test_a_picture_comes_before_later_ones_of_its_request_are_done(studio: Studio) -> None:
    came: dict[int, int] = {}

    class Counting(Collector):
        def picture(self, index: int, pixels: npt.NDArray[np.uint8]) -> None:
            came[index] = studio.engine.calls["unet"]

    await studio.sampler.draw(studio.request(seeds=tuple(range(8)), steps=4), Counting())
    assert came[0] < 8 <= came[7]  # four pictures fit in a step


async def test_without_guidance_there_is_no_unconditional_row(studio: Studio) -> None:
    await studio.draw(studio.request(guidance=1.0))
    assert studio.engine.rows["unet"] == [1, 1, 1]
    assert studio.engine.rows["text_encoder"] == [1]


async def test_a_prompt_is_encoded_once_in_one_call(studio: Studio) -> None:
    request = studio.request("a photo of <ann>", people={"ann": studio.stranger(1)})
    await studio.draw(request)
    await studio.draw(request)
    assert studio.engine.rows["text_encoder"] == [11]
    await studio.draw(studio.request("a photo of <ann>", people={"ann": studio.stranger(2)}))
    assert studio.engine.rows["text_encoder"] == [11, 10]


async def test_progress_counts_the_steps_of_all_pictures(studio: Studio) -> None:
    answer = await studio.draw(studio.request(seeds=(1, 2), steps=3))
    assert answer.progress_seen == [(2, 6), (4, 6), (6, 6)]


async def test_an_identity_equal_to_a_word_is_that_word(studio: Studio) -> None:
    token = studio.tokenize("person").token_ids[1]
    word = np.broadcast_to(
        studio.token_embeddings[token], (studio.bundle.stages, 2, studio.bundle.token_width)
    )
    named = await studio.draw(studio.request("a photo of a <ann>", people={"ann": word}))
    plain = await studio.draw(studio.request("a photo of a person"))
    other = await studio.draw(
        studio.request("a photo of a <ann>", people={"ann": 10 * studio.stranger(1)})
    )
    np.testing.assert_array_equal(named.pictures[0], plain.pictures[0])
    assert (other.pictures[0] != plain.pictures[0]).any()


async def test_others_go_on_when_one_is_cancelled(studio: Studio) -> None:
    leaving = studio.sampler.draw(studio.request(steps=5), Collector(leave_after=1))
    staying = studio.draw(studio.request(steps=5))
    left, stayed = await asyncio.gather(leaving, staying, return_exceptions=True)
    assert isinstance(left, CancelledByCaller)
    assert isinstance(stayed, Collector)
    assert studio.engine.rows["unet"] == [4, 4, 2, 2, 2]  # the second step ran when it left


async def test_one_callers_failure_is_not_the_others(studio: Studio) -> None:
    class Fragile(Collector):
        def progress(self, done: int, total: int, queue_position: int) -> None:
            raise ConnectionError(f"gone at {done} of {total}")

    failing = studio.sampler.draw(studio.request(), Fragile())
    failed, answer = await asyncio.gather(
        failing, studio.draw(studio.request()), return_exceptions=True
    )
    assert isinstance(failed, ConnectionError)
    assert isinstance(answer, Collector)
    assert len(answer.pictures) == 1


@pytest.mark.parametrize("model", ["text_encoder", "unet", "vae_decoder"])
async def test_serves_again_after_an_engine_failed(studio: Studio, model: str) -> None:
    studio.engine.broken.add(model)
    with pytest.raises(EngineError, match=f"{model} is broken"):
        await studio.draw(studio.request())
    studio.engine.broken.clear()
    assert len((await studio.draw(studio.request())).pictures) == 1


@pytest.mark.parametrize("part", ["_assemble", "_turns", "_batch_size"])
async def test_serves_again_after_a_mistake_of_its_own(
    studio: Studio, monkeypatch: pytest.MonkeyPatch, part: str
) -> None:
    with monkeypatch.context() as broken:
        broken.setattr(studio.sampler, part, None)
        async with asyncio.timeout(10):
            with pytest.raises((AttributeError, TypeError)):
                await studio.draw(studio.request())
    assert len((await studio.draw(studio.request())).pictures) == 1


@pytest.mark.parametrize("leave_after", [None, 1])
async def test_nothing_of_a_person_stays_when_all_is_drawn(
    open_studio: Callable[..., Studio], monkeypatch: pytest.MonkeyPatch, leave_after: int | None
) -> None:
    """Whose prompt the cache has forgotten; at once, as an idle process collects no garbage."""
    kept: list[weakref.ref[object]] = []

    class Watched(Picture):
        def __init__(self, request: SamplingRequest, *others: Any) -> None:
            super().__init__(request, *others)
            conditioning = others[2]
            kept.extend(map(weakref.ref, (self, request.identities, conditioning.prompt)))

    class Listening(Collector):
        def progress(self, done: int, total: int, queue_position: int) -> None:
            super().progress(done, total, queue_position)
            stacked = studio.sampler._assemble._stacked
            kept.extend(map(weakref.ref, stacked.values()))

    monkeypatch.setattr("sampler.loop.Picture", Watched)
    studio = open_studio(conditioning_cache_bytes=0)
    people = {"ann": studio.stranger(1)}
    with suppress(CancelledByCaller):
        await studio.sampler.draw(studio.request("a <ann>", people=people), Listening(leave_after))
    for _ in range(3):  # the event loop lets go what has run
        await asyncio.sleep(0)
    assert len(kept) > 3
    assert not any(each() is not None for each in kept)


async def test_pixels_are_reckoned_beside_the_event_loop(
    studio: Studio, monkeypatch: pytest.MonkeyPatch
) -> None:
    threads: dict[str, threading.Thread] = {}

    def noting(name: str) -> None:
        function = getattr(vae, name)

        def noted(*arguments: Any) -> Any:
            threads[name] = threading.current_thread()
            return function(*arguments)

        monkeypatch.setattr(vae, name, noted)

    noting("to_pixels")
    noting("_images")
    image = np.zeros((64, 64, 3), np.uint8)
    size = np.array([64, 64], np.int32)
    await studio.draw(studio.request(size=size, init_image=image))
    assert threads.keys() == {"to_pixels", "_images"}
    assert threading.main_thread() not in threads.values()
