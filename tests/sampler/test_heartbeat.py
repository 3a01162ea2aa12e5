"""A heartbeat is a real call of every model that has not just answered."""

import asyncio

import numpy as np
import pytest

from sampler.engine import EngineError
from sampler.heartbeat import HeartbeatEngine, smallest_calls
from tests.sampler.conftest import Gate, Studio


@pytest.fixture(autouse=True)
def _long_fresh(monkeypatch: pytest.MonkeyPatch) -> None:
    """However slow the machine, an answer of these tests is fresh."""
    monkeypatch.setattr("sampler.heartbeat.FRESH_SECONDS", 600.0)


async def test_asks_every_model_once(studio: Studio) -> None:
    engine = HeartbeatEngine(studio.engine, studio.bundle)
    await engine.check()
    assert studio.engine.calls == dict.fromkeys(
        ("text_encoder", "unet", "vae_decoder", "vae_encoder"), 1
    )
    await engine.check()  # all have just answered
    assert studio.engine.calls.total() == 4


async def test_a_model_that_just_worked_is_not_asked(studio: Studio) -> None:
    engine = HeartbeatEngine(studio.engine, studio.bundle)
    inputs, output = smallest_calls(studio.bundle)["unet"]
    await engine("unet", inputs, output)
    await engine.check()
    assert studio.engine.calls["unet"] == 1


async def test_who_asks_meanwhile_shares_the_outcome(studio: Studio) -> None:
    """Each call of its own would hold a thread of Triton's for as long as the model is busy."""
    engine = HeartbeatEngine(studio.engine, studio.bundle)
    gate = studio.engine.gates["vae_decoder"] = Gate()
    asking = [asyncio.create_task(engine.check()) for _ in range(8)]
    await gate.reached.wait()
    asking.pop().cancel()  # who leaves takes nobody along
    gate.opened.set()
    await asyncio.gather(*asking)
    assert studio.engine.calls["vae_decoder"] == 1


async def test_tells_which_model_is_away(studio: Studio) -> None:
    studio.engine.broken.add("vae_decoder")
    with pytest.raises(EngineError, match="vae_decoder is broken"):
        await HeartbeatEngine(studio.engine, studio.bundle).check()


async def test_asks_for_something_to_compute(studio: Studio) -> None:
    """An engine that tries out its ways to compute would find them all alike for zeros."""
    for inputs, _ in smallest_calls(studio.bundle).values():
        assert all(np.ptp(each) > 0 for each in inputs.values() if each.size > 1)
