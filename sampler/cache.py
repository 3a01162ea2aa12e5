"""Arrays in recent use, bounded by bytes."""

from collections import OrderedDict
from typing import Any

import numpy.typing as npt

Array = npt.NDArray[Any]


class ByteCache:
    """Least recently used first out.

    Args:
        max_bytes: bound of what is kept; 0 switches the cache off.

    Attributes:
        hits, misses: how often an array was there or not.
        bytes: what is kept.
    """

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._arrays: OrderedDict[bytes, Array] = OrderedDict()
        self.hits = self.misses = self.bytes = 0

    def get(self, key: bytes) -> Array | None:
        """The array of a key, if it is still there."""
        if (array := self._arrays.get(key)) is None:
            self.misses += 1
            return None
        self.hits += 1
        self._arrays.move_to_end(key)
        return array

    def put(self, key: bytes, array: Array) -> None:
        """Keeps an array until others need its room; one above the bound is not kept."""
        if array.nbytes > self._max_bytes or key in self._arrays:
            return
        self._arrays[key] = array
        self.bytes += array.nbytes
        while self.bytes > self._max_bytes:
            _, oldest = self._arrays.popitem(last=False)
            self.bytes -= oldest.nbytes
