"""Who goes with the next call of a text encoder, a VAE or a safety checker."""

import asyncio
from collections.abc import Sequence

import pytest

from sampler.batcher import Batcher


class Model:
    """Answers what it is asked, and waits until it may."""

    def __init__(self) -> None:
        self.batches: list[list[str]] = []
        self.open = asyncio.Event()

    async def __call__(self, items: Sequence[str]) -> Sequence[str]:
        self.batches.append(list(items))
        await self.open.wait()
        return [item.upper() for item in items]


def batcher(model: Model, limit: int = 2) -> Batcher[str, str]:
    return Batcher(model, lambda item: (1, len(item)), limit)


async def busy(ask: Batcher[str, str]) -> "asyncio.Task[str]":
    """Work that a call has begun with, so that what comes now has to wait."""
    task = asyncio.create_task(ask("now"))
    for _ in range(3):
        await asyncio.sleep(0)
    return task


async def test_a_tenant_of_many_does_not_hold_up_another() -> None:
    ask = batcher(model := Model())
    first = await busy(ask)
    many = [asyncio.create_task(ask(f"a{index}", "many")) for index in range(6)]
    one = asyncio.create_task(ask("b0", "one"))
    await asyncio.sleep(0)
    model.open.set()
    assert await asyncio.gather(first, *many, one) == ["NOW", *(f"A{i}" for i in range(6)), "B0"]
    assert model.batches == [["now"], ["a0", "b0"], ["a1", "a2"], ["a3", "a4"], ["a5"]]


@pytest.mark.parametrize(
    ("limit", "batches"),
    [
        pytest.param(1, [["a0"], ["bb"], ["cc"], ["a1"], ["a2"], ["a3"]], id="one a call"),
        pytest.param(2, [["a0", "a1"], ["bb", "cc"], ["a2", "a3"]], id="one kind a call"),
    ],
)
async def test_tenants_take_turns_from_call_to_call(limit: int, batches: list[list[str]]) -> None:
    """Where a call has room for the work of one tenant only, the next call is another's."""
    model = Model()
    kinds = {"b": "another", "c": "another"} if limit == 2 else {}
    ask = Batcher(model, lambda item: (1, kinds.get(item[0])), limit)
    first = await busy(ask)
    many = [asyncio.create_task(ask(f"a{index}", "many")) for index in range(4)]
    others = [asyncio.create_task(ask(item, item)) for item in ("bb", "cc")]
    await asyncio.sleep(0)
    model.open.set()
    await asyncio.gather(first, *many, *others)
    assert model.batches == [["now"], *batches]


async def test_who_comes_back_at_once_leaves_the_others_their_turn() -> None:
    served = []

    async def model(items: Sequence[str]) -> Sequence[str]:
        served.extend(items)
        for _ in range(5):  # long enough for the last one's next to come
            await asyncio.sleep(0)
        return items

    ask = Batcher(model, lambda item: (1, None), 1)

    async def one_after_the_other(tenant: str) -> None:
        for index in range(3):
            await ask(f"{tenant}{index}", tenant)

    many = [asyncio.create_task(ask(f"a{index}", "a")) for index in range(3)]
    await asyncio.gather(*many, one_after_the_other("b"), one_after_the_other("c"))
    tenants = [item[0] for item in served]
    assert sorted(tenants[:3]) == sorted(tenants[3:6]) == ["a", "b", "c"]


async def test_a_higher_priority_goes_first_and_others_of_its_kind_along() -> None:
    ask = batcher(model := Model())
    waiting = [await busy(ask)]
    for item, priority in (("low", -1), ("other kind", 0), ("top", 1)):
        waiting.append(asyncio.create_task(ask(item, priority=priority)))
    await asyncio.sleep(0)
    model.open.set()
    await asyncio.gather(*waiting)
    assert model.batches == [["now"], ["top", "low"], ["other kind"]]


async def test_who_stops_waiting_leaves_the_queue() -> None:
    ask = batcher(model := Model())
    first = await busy(ask)
    gone, stays = asyncio.create_task(ask("gone")), asyncio.create_task(ask("stay"))
    await asyncio.sleep(0)
    gone.cancel()
    model.open.set()
    await asyncio.gather(first, stays)
    assert model.batches == [["now"], ["stay"]]
    with pytest.raises(asyncio.CancelledError):
        await gone
