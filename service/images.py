"""Callers' pictures, decoded by processes that can be lost without harm."""

import asyncio
import contextlib
import os
import sys
from asyncio.subprocess import PIPE, Process

import numpy as np
import numpy.typing as npt
import structlog

from service.decoding import ANSWER, REQUEST, ImageRefusedError

log = structlog.get_logger()

MAX_BYTES = 16 * 2**20
PROCESSES = 2
TIME_LIMIT = 20.0
"""Seconds of a picture, from when its turn has come."""

_INHERITED = ("PATH", "PYTHONPATH", "LD_LIBRARY_PATH")


class ImageDecoder:
    """Up to ``PROCESSES`` processes that are started when needed, and replaced when they die."""

    def __init__(self) -> None:
        self._idle: asyncio.LifoQueue[Process | None] = asyncio.LifoQueue()
        for _ in range(PROCESSES):
            self._idle.put_nowait(None)

    async def clean_png(self, data: bytes) -> bytes:
        """The picture as PNG, upright and without metadata; see :mod:`service.decoding`.

        Raises:
            ImageRefusedError: it is not a picture, damaged, or beyond a limit, which is named.
        """
        return await self._decode(data, 0, 0)

    async def fitted(self, data: bytes, height: int, width: int) -> npt.NDArray[np.uint8]:
        """``[height, width, 3]`` of the picture, scaled and cropped around its middle.

        Raises:
            ImageRefusedError: as above.
        """
        pixels = await self._decode(data, height, width)
        return np.frombuffer(pixels, np.uint8).reshape(height, width, 3)

    async def close(self) -> None:
        """Ends the processes."""
        for _ in range(PROCESSES):
            if (process := await self._idle.get()) is not None:
                await _kill(process)

    async def _decode(self, data: bytes, height: int, width: int) -> bytes:
        if not data:
            raise ImageRefusedError("is empty (0 bytes)")
        if len(data) > MAX_BYTES:
            raise ImageRefusedError(f"has {len(data)} bytes, the limit is {MAX_BYTES}")
        try:
            taken, answer = await self._ask(data, height, width)
        except _DiedError:  # killed from outside, or by this very picture
            try:
                taken, answer = await self._ask(data, height, width)
            except _DiedError as error:
                raise ImageRefusedError("is damaged") from error
        if not taken:
            raise ImageRefusedError(answer.decode())
        return answer

    async def _ask(self, data: bytes, height: int, width: int) -> tuple[bool, bytes]:
        process = await self._idle.get()
        try:
            if process is None or process.returncode is not None:
                process = await _start()
            async with asyncio.timeout(TIME_LIMIT):
                return await _answer(process, data, height, width)
        except BaseException as error:
            if process is not None:
                await asyncio.shield(_kill(process))
            process = None
            if isinstance(error, TimeoutError):
                limit = f"takes too long to decode, the limit is {TIME_LIMIT:g} s"
                raise ImageRefusedError(limit) from error
            if isinstance(error, asyncio.IncompleteReadError | ConnectionError):
                log.warning("decoder_died")
                raise _DiedError from error
            raise
        finally:
            self._idle.put_nowait(process)


class _DiedError(Exception):
    """The process that had the picture is gone."""


async def _start() -> Process:
    return await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "service.decoding"),
        stdin=PIPE,
        stdout=PIPE,
        env={name: os.environ[name] for name in _INHERITED if name in os.environ},
    )


async def _answer(process: Process, data: bytes, height: int, width: int) -> tuple[bool, bytes]:
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(REQUEST.pack(len(data), height, width))
    process.stdin.write(data)
    await process.stdin.drain()
    taken, length = ANSWER.unpack(await process.stdout.readexactly(ANSWER.size))
    return bool(taken), await process.stdout.readexactly(length)


async def _kill(process: Process) -> None:
    with contextlib.suppress(ProcessLookupError):
        process.kill()
    await process.wait()
