"""Arrays in recent use, bounded by bytes and by time."""

import asyncio
import time
from collections import OrderedDict
from typing import Any

import numpy.typing as npt

Array = npt.NDArray[Any]


class ByteCache:
    """Least recently used first out. It belongs to the event loop that fills it.

    Args:
        max_bytes: bound of what is kept; 0 switches the cache off.
        max_idle_seconds: what nobody has asked for so long is erased, so that nothing of a deleted
            identity stays in memory.

    Attributes:
        hits, misses: how often an array was there or not.
        bytes: what is kept.
    """

    def __init__(self, max_bytes: int, max_idle_seconds: float) -> None:
        self._max_bytes, self._max_idle = max_bytes, max_idle_seconds
        self._arrays: OrderedDict[bytes, tuple[Array, float]] = OrderedDict()  # and its last use
        self._timer: asyncio.TimerHandle | None = None
        self.hits = self.misses = self.bytes = 0

    def get(self, key: bytes) -> Array | None:
        """The array of a key, if it is still there."""
        if (found := self._arrays.get(key)) is None:
            self.misses += 1
            return None
        self.hits += 1
        self._arrays[key] = (found[0], time.monotonic())
        self._arrays.move_to_end(key)
        return found[0]

    def put(self, key: bytes, array: Array) -> None:
        """Keeps an array until others need its room; one above the bound is not kept."""
        if array.nbytes > self._max_bytes or key in self._arrays:
            return
        self._arrays[key] = (array, time.monotonic())
        self.bytes += array.nbytes
        while self.bytes > self._max_bytes:
            self._drop_oldest()
        if self._timer is None:
            self._expire()

    def _expire(self) -> None:
        """Erases what is idle, and comes again when the next array may be."""
        self._timer = None
        while self._arrays:
            _, last_use = next(iter(self._arrays.values()))
            if (left := last_use + self._max_idle - time.monotonic()) > 0:
                self._timer = asyncio.get_running_loop().call_later(left, self._expire)
                return
            self._drop_oldest()

    def _drop_oldest(self) -> None:
        _, (oldest, _) = self._arrays.popitem(last=False)
        self.bytes -= oldest.nbytes
