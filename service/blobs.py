"""Source images and artifacts, in a directory or an object store.

    sources/<identity uid>               the image, until training is done
    artifacts/<identity uid>/<attempt>   what an attempt learned; the identity's row names the one
    checkpoints/<operation uid>          where a training on a cluster can go on
    probes/<uid>                         for a moment, whether all this works

Blobs appear complete or not at all; only checkpoints are ever written again. In a directory a
writer that is killed leaves a part beside its blob, ``<name>#<number>``, which is in no listing.
"""

import asyncio
import contextlib
import os
import re
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit
from urllib.request import url2pathname

import obstore
import structlog
from obstore.exceptions import BaseError
from obstore.store import ObjectStore, from_url

from identity import digest
from service.errors import DataLossError, UnavailableError
from service.logs import fault
from service.metrics import Metrics, timed

if TYPE_CHECKING:
    from obstore.store import RetryConfig

log = structlog.get_logger()

RETRIES: "RetryConfig" = {"max_retries": 4, "retry_timeout": timedelta(seconds=10)}
"""An object store that is away is told as such before callers lose patience; its client would try
for three minutes.
"""
SOURCES, ARTIFACTS, CHECKPOINTS = "sources/", "artifacts/", "checkpoints/"
PROBES = "probes/"
_PART = re.compile(r"(?P<blob>.+)#\d+")


def source_key(identity_uid: str) -> str:
    """Where an identity's source image lies."""
    return f"{SOURCES}{identity_uid}"


def artifact_key(identity_uid: str, attempt: int) -> str:
    """Where the artifact of an attempt lies."""
    return f"{ARTIFACTS}{identity_uid}/{attempt}"


def checkpoint_key(operation_uid: str) -> str:
    """Where a training's last checkpoint lies, if it runs on a cluster."""
    return f"{CHECKPOINTS}{operation_uid}"


class BlobStore:
    """A place for blobs.

    Args:
        url: ``file:///directory``, or an object store's URL such as ``s3://bucket/prefix``, with
            credentials from its usual environment variables.
        metrics: told how long calls take.
    """

    def __init__(self, url: str, metrics: Metrics | None = None) -> None:
        self._seconds = (metrics or Metrics()).blob_seconds
        self._directory = (
            Path(url2pathname(urlsplit(url).path)) if url.startswith("file:") else None
        )
        self._store: ObjectStore = (
            from_url(url, mkdir=True, automatic_cleanup=True)
            if self._directory
            else from_url(url, retry_config=RETRIES)
        )

    async def put(self, key: str, data: bytes) -> None:
        """Writes a blob; a crash leaves it whole or absent."""
        with self._call("put"):
            await obstore.put_async(self._store, key, data)

    async def find(self, key: str) -> bytes | None:
        """Reads a blob, if it is there."""
        try:
            with self._call("get"):
                result = await obstore.get_async(self._store, key)
                return bytes(await result.bytes_async())
        except FileNotFoundError:
            return None

    async def get(self, key: str, expected_digest: str) -> bytes:
        """Reads a blob.

        Raises:
            DataLossError: it is gone, or not what was written.
        """
        data = await self.find(key)
        if data is None:
            raise DataLossError("stored data is missing", "BLOB_MISSING")
        if digest(data) != expected_digest:
            raise DataLossError("stored data is damaged", "BLOB_DAMAGED")
        return data

    async def delete(self, key: str) -> None:
        """Erases a blob and its parts; one that is not there is no error."""
        folder, _, name = key.rpartition("/")
        try:
            with self._call("delete"):
                await self._erase_parts(folder, name)
                await obstore.delete_async(self._store, key)
        except FileNotFoundError:
            return

    async def list(self, prefix: str, min_age: float = 0.0) -> list[str]:
        """Keys below a prefix, a whole path segment, of blobs that are ``min_age`` seconds old."""
        ages = await self.ages(prefix)
        return [key for key, age in ages.items() if not min_age or age >= min_age]

    async def ages(self, prefix: str) -> dict[str, float]:
        """Keys below a prefix, a whole path segment, and how many seconds old their blobs are."""
        with self._call("list"):
            found = await obstore.list(self._store, prefix).collect_async()
        present = datetime.now(UTC)
        return {
            str(item["path"]): (present - item["last_modified"]).total_seconds() for item in found
        }

    async def erase_source(self, identity_uid: str) -> None:
        """Erases an identity's source image."""
        await self.delete(source_key(identity_uid))

    async def erase_artifacts(self, identity_uid: str, keep: str = "") -> None:
        """Erases what was learned of an identity, but for the blob ``keep``."""
        await self.erase_parts(f"{ARTIFACTS}{identity_uid}")
        for key in await self.list(f"{ARTIFACTS}{identity_uid}/"):
            if key != keep:
                await self.delete(key)

    async def erase_parts(self, folder: str = "", min_age: float = 0.0) -> None:
        """Erases what killed writers left below a folder, or anywhere, ``min_age`` seconds ago."""
        with self._call("delete"):
            await self._erase_parts(folder, min_age=min_age)

    async def probe(self) -> datetime:
        """Writes, reads and erases a blob; when it was written, by the storage's clock.

        Raises:
            UnavailableError, DataLossError: the storage does not answer; what it gave back was not
                what it got.
        """
        key, data = f"{PROBES}{uuid.uuid4()}", b"a probe"
        await self.put(key, data)
        try:
            with self._call("get"):
                result = await obstore.get_async(self._store, key)
                intact = await result.bytes_async() == data
        finally:
            await self.delete(key)
        if not intact:
            raise DataLossError("stored data is damaged", "BLOB_DAMAGED")
        return result.meta["last_modified"]

    async def _erase_parts(self, folder: str, name: str = "", min_age: float = 0.0) -> None:
        if self._directory is not None:
            await asyncio.to_thread(_erase_parts, self._directory / folder, name, min_age)

    @contextmanager
    def _call(self, operation: str) -> Iterator[None]:
        with timed(self._seconds, operation, UnavailableError):
            try:
                yield
            except FileNotFoundError:
                raise
            except (BaseError, OSError) as error:
                log.error("blob_store_failed", **fault(error))
                message = "the storage does not answer"
                raise UnavailableError(message, "STORAGE_UNAVAILABLE") from error


def _erase_parts(directory: Path, name: str, min_age: float) -> None:
    """Of one blob, or of all if it has no name."""
    newest = time.time() - min_age
    for folder, _, files in os.walk(directory):
        for file in files:
            part = _PART.fullmatch(file)
            if part is None or part["blob"] != (name or part["blob"]):
                continue
            with contextlib.suppress(FileNotFoundError):  # its writer was quicker
                path = Path(folder, file)
                if path.stat().st_mtime <= newest:
                    path.unlink()
