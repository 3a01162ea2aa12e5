"""Callers' pictures, decoded by processes that can be lost without harm."""

import asyncio
import contextlib
import json
import os
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import Iterable

import numpy as np
import numpy.typing as npt
import structlog

from service.decoding import ANSWER, REQUEST, Form, ImageRefusedError
from service.errors import ResourceExhaustedError
from service.manifests import Manifest

log = structlog.get_logger()

MAX_BYTES = 16 * 2**20
PROCESSES = 2
TIME_LIMIT = 20.0
"""Seconds of a picture, from when its turn has come."""
TURN_LIMIT = 30.0
"""Seconds that it waits for its turn."""
RETRY_SECONDS = 5.0

Pixels = npt.NDArray[np.uint8]

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
        return (await self._decode(Form.PNG, data))[0]

    async def pixels(self, data: bytes) -> Pixels:
        """``[H, W, 3]`` of the same picture.

        Raises:
            ImageRefusedError: as above.
        """
        pixels, *size = await self._decode(Form.PIXELS, data)
        return np.frombuffer(pixels, np.uint8).reshape(*size, 3)

    async def fitted(self, data: bytes, height: int, width: int) -> Pixels:
        """``[height, width, 3]`` of the picture, scaled and cropped around its middle.

        Raises:
            ImageRefusedError: as above.
        """
        pixels, *size = await self._decode(Form.FITTED, data, height, width)
        return np.frombuffer(pixels, np.uint8).reshape(*size, 3)

    async def manifest(self, data: bytes, anchors: str) -> Manifest:
        """What its Content Credentials say; see :mod:`service.manifests`.

        Raises:
            ImageRefusedError: they can't be read within the limits.
        """
        manifest, *_ = await self._decode(Form.MANIFEST, data, further=anchors.encode())
        return Manifest(**json.loads(manifest))

    async def close(self) -> None:
        """Ends the processes."""
        for _ in range(PROCESSES):
            if (process := await self._idle.get()) is not None:
                await _kill(process)

    async def _decode(
        self, form: Form, data: bytes, height: int = 0, width: int = 0, further: bytes = b""
    ) -> tuple[bytes, int, int]:
        """What was asked for, its height and its width."""
        if not data:
            raise ImageRefusedError("is empty (0 bytes)")
        if len(data) > MAX_BYTES:
            raise ImageRefusedError(f"has {len(data)} bytes, the limit is {MAX_BYTES}")
        header = REQUEST.pack(form, len(data), height, width, len(further))
        request = (header, data, further)
        try:
            return await self._ask(request)
        except _DiedError:  # killed from outside, or by this very picture
            try:
                return await self._ask(request)
            except _DiedError as error:
                raise ImageRefusedError("is damaged") from error

    async def _ask(self, request: Iterable[bytes]) -> tuple[bytes, int, int]:
        try:
            async with asyncio.timeout(TURN_LIMIT):
                process = await self._idle.get()
        except TimeoutError as error:
            message = "too many pictures wait to be decoded"
            raise ResourceExhaustedError(message, "QUEUE_FULL", RETRY_SECONDS) from error
        try:
            if process is None or process.returncode is not None:
                process = await _start()
            async with asyncio.timeout(TIME_LIMIT):
                return await _answer(process, request)
        except ImageRefusedError:
            raise
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


async def _answer(process: Process, request: Iterable[bytes]) -> tuple[bytes, int, int]:
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.writelines(request)
    await process.stdin.drain()
    taken, length, height, width = ANSWER.unpack(await process.stdout.readexactly(ANSWER.size))
    answer = await process.stdout.readexactly(length)
    if not taken:
        raise ImageRefusedError(answer.decode())
    return answer, height, width


async def _kill(process: Process) -> None:
    with contextlib.suppress(ProcessLookupError):
        process.kill()
    await process.wait()
