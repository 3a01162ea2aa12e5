"""The conditioning cache forgets what nobody uses, and only that."""

import asyncio

import numpy as np

from sampler.cache import ByteCache


async def test_what_is_idle_is_erased_without_being_asked_for() -> None:
    cache = ByteCache(1000, max_idle_seconds=0.3)
    array = np.zeros(10, np.float32)
    cache.put(b"used", array)
    cache.put(b"idle", array)
    async with asyncio.timeout(10):
        while cache.bytes > 40:
            assert cache.get(b"used") is not None
            await asyncio.sleep(0.02)
        assert cache.get(b"used") is not None
        while cache.bytes:  # noqa: ASYNC110
            await asyncio.sleep(0.05)
    assert cache.get(b"used") is None
    cache.put(b"used", array)  # and begins anew
    assert cache.bytes == 40
