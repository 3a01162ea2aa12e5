"""Fair and bounded: tenants, priorities, deadlines, the queue and what its callers are told."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pytest

from sampler.job import CancelledByCaller, DeadlineMissedError
from sampler.loop import QueueFullError
from sampler.request import SamplingRequest
from tests.sampler.conftest import Collector, Gate, Studio, text


@dataclass
class Leaving(Collector):
    """A caller that goes away when it is told to."""

    gone: bool = False

    def cancelled(self) -> bool:
        return self.gone


def seconds(number: float) -> np.ndarray:
    return np.array([number], np.float32)


async def test_a_tenant_of_many_requests_does_not_hold_up_another(studio: Studio) -> None:
    finished: list[str] = []

    async def draw(tenant: str) -> None:
        await studio.draw(studio.request(steps=4, tenant=text(tenant)))
        finished.append(tenant)

    # Four pictures fit in a batch: the many need three rounds of four steps.
    await asyncio.gather(*(draw("many") for _ in range(12)), draw("one"))
    assert "one" in finished[:4]


async def test_a_higher_priority_overtakes(studio: Studio) -> None:
    finished: list[int] = []

    async def draw(priority: int) -> None:
        request = studio.request(steps=4, priority=np.array([priority], np.int32))
        await studio.draw(request)
        finished.append(priority)

    await asyncio.gather(*(draw(-1) for _ in range(8)), draw(1))
    assert 1 in finished[:4]


async def test_those_who_wait_are_told_their_place(studio: Studio) -> None:
    first = [asyncio.create_task(studio.draw(studio.request(steps=3))) for _ in range(4)]
    waiting = [asyncio.create_task(studio.draw(studio.request(steps=3))) for _ in range(2)]
    await asyncio.gather(*first)
    one, two = await asyncio.gather(*waiting)
    assert (one.positions, two.positions) == ([1], [2])
    assert one.progress_seen == [(1, 3), (2, 3), (3, 3)]


async def test_a_full_queue_refuses_and_says_when_to_come_back(
    open_studio: Callable[..., Studio],
) -> None:
    studio = open_studio(max_waiting=2)
    waiting = [asyncio.create_task(studio.draw(studio.request())) for _ in range(2)]
    await asyncio.sleep(0)
    with pytest.raises(QueueFullError, match="2 requests") as caught:
        await studio.draw(studio.request())
    assert caught.value.retry_seconds > 0
    # The bound is a tenant's own, and free again when its requests have begun.
    await studio.draw(studio.request(tenant=text("another")))
    await asyncio.gather(*waiting)
    await studio.draw(studio.request())


async def test_what_can_not_meet_its_deadline_costs_no_step(studio: Studio) -> None:
    await studio.draw(studio.request(steps=4))  # now the time of a step is known
    calls = studio.engine.calls.copy()
    with pytest.raises(DeadlineMissedError, match="150 more steps"):
        await studio.draw(studio.request(steps=150, seconds_left=seconds(0.01)))
    assert studio.engine.calls == calls


async def test_pictures_that_take_turns_need_the_steps_of_all_of_them(
    studio: Studio, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Four guided pictures fit in a step, and eight where there is no guidance."""
    monkeypatch.setattr(studio.sampler._pace, "least", lambda *_: 1.0)

    def sixteen(left: float, **options: np.ndarray) -> SamplingRequest:
        seeds = tuple(range(16))
        return studio.request(seeds=seeds, steps=4, seconds_left=seconds(left), **options)

    with pytest.raises(DeadlineMissedError, match="16 more steps"):
        await studio.draw(sixteen(15.5))
    assert not studio.engine.calls["unet"]
    half_guided = np.array([600, 200], np.float32)  # twelve steps
    for in_time in (sixteen(30.0), sixteen(15.5, guidance_interval=half_guided)):
        assert len((await studio.draw(in_time)).pictures) == 16


async def test_what_falls_behind_is_dropped_on_the_way(studio: Studio) -> None:
    """Its rows are free for others from the next step on."""
    late = studio.draw(studio.request(steps=150, seconds_left=seconds(0.05)))
    other = studio.draw(studio.request(steps=150))
    dropped, drawn = await asyncio.gather(late, other, return_exceptions=True)
    assert isinstance(dropped, DeadlineMissedError)
    assert isinstance(drawn, Collector)
    # The second step shows the pace; before the third it is clear.
    rows = studio.engine.rows["unet"]
    assert rows.count(4) <= 2
    assert rows == rows.count(4) * [4] + (150 - rows.count(4)) * [2]


@pytest.mark.parametrize("cancel_after", [1, 3])
async def test_at_most_one_step_runs_after_a_cancel(studio: Studio, cancel_after: int) -> None:
    caller = Collector(leave_after=cancel_after)
    with pytest.raises(CancelledByCaller):
        await studio.sampler.draw(studio.request(steps=50), caller)
    assert studio.engine.calls["unet"] - cancel_after <= 1


@pytest.mark.parametrize("model", ["text_encoder", "vae_decoder"])
@pytest.mark.parametrize("why", [CancelledByCaller, DeadlineMissedError])
async def test_who_is_encoded_or_decoded_may_leave_or_be_late(
    studio: Studio, model: str, why: type[Exception]
) -> None:
    """Though no step runs in which it would be noticed."""
    studio.engine.gates[model] = gate = Gate()
    caller = Leaving()
    left = 0.5 if why is DeadlineMissedError else 60.0
    request = studio.request(steps=1, seconds_left=seconds(left))
    drawing = asyncio.create_task(studio.sampler.draw(request, caller))
    await gate.reached.wait()
    caller.gone = why is CancelledByCaller
    async with asyncio.timeout(10):
        with pytest.raises(why):
            await drawing


@pytest.mark.parametrize("model", ["text_encoder", "vae_decoder"])
async def test_what_nobody_waits_for_is_not_encoded_or_decoded(studio: Studio, model: str) -> None:
    studio.engine.gates[model] = gate = Gate()
    first = asyncio.create_task(studio.draw(studio.request("a dog", steps=1, guidance=1.0)))
    await gate.reached.wait()
    leaver = Leaving()
    leaving = asyncio.create_task(studio.sampler.draw(studio.request("a man", steps=1), leaver))
    staying = asyncio.create_task(
        studio.draw(studio.request("a woman", steps=1, guidance=1.0, tenant=text("b")))
    )
    while model == "vae_decoder" and studio.engine.rows["unet"] != [1, 3]:  # noqa: ASYNC110
        await asyncio.sleep(0.01)
    leaver.gone = True
    async with asyncio.timeout(10):
        with pytest.raises(CancelledByCaller):
            await leaving
    gate.opened.set()
    await asyncio.gather(first, staying)
    assert studio.engine.rows[model] == [1, 1]


async def test_pictures_are_the_same_with_the_cache_off(
    open_studio: Callable[..., Studio],
) -> None:
    caching, not_caching = open_studio(), open_studio(conditioning_cache_bytes=0)
    person = {"ann": caching.stranger(1)}
    pictures = []
    for studio in (caching, not_caching):
        for _ in range(2):
            request = studio.request("a photo of <ann>", people=person, negative="a dog")
            pictures.append((await studio.draw(request)).pictures[0])
    for picture in pictures[1:]:
        np.testing.assert_array_equal(picture, pictures[0])
    cache = caching.sampler.statistics.cache
    assert (cache.hits, cache.misses) == (2, 2)
    assert not_caching.sampler.statistics.cache.hits == 0
    assert not_caching.engine.calls["text_encoder"] == 2


async def test_the_cache_keeps_to_its_bytes(open_studio: Callable[..., Studio]) -> None:
    studio = open_studio()
    await studio.draw(studio.request(guidance=1.0))
    one_prompt = studio.sampler.statistics.cache.bytes
    small = open_studio(conditioning_cache_bytes=2 * one_prompt)
    for prompt in ("a dog", "a blue dog", "a man", "a dog"):
        await small.draw(small.request(prompt, guidance=1.0, steps=1))
    assert small.sampler.statistics.cache.bytes == 2 * one_prompt
    assert small.sampler.statistics.cache.hits == 0  # the first one had to go


async def test_prompts_that_come_together_are_encoded_together(studio: Studio) -> None:
    prompts = ("a dog", "a man", "a woman")
    await asyncio.gather(*(studio.draw(studio.request(each, guidance=1.0)) for each in prompts))
    assert studio.engine.rows["text_encoder"] == [3]
    assert studio.engine.rows["vae_decoder"] == [3]
