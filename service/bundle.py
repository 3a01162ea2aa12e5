"""The serving bundle, which may appear or change while the gateway runs."""

import asyncio
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import structlog

from identity import BundleError, PromptTokenizer, ServingBundle
from service.errors import UnavailableError

log = structlog.get_logger()

LOOK_SECONDS = 1.0
"""A bundle that is replaced is noticed so much later: the thread that looks, since the file system
may be a slow one, costs a drawing half a millisecond.
"""


@dataclass(frozen=True)
class Bundle:
    """What the gateway needs of the bundle."""

    description: ServingBundle
    tokenizer: PromptTokenizer
    token_embeddings: npt.NDArray[np.float32]

    def embedding(self, noun: str) -> npt.NDArray[np.float32]:
        """``[D]``, the token embedding of a class noun, which is one token."""
        return np.array(self.token_embeddings[self.tokenizer(noun).token_ids[1]])


class BundleSource:
    """Reads the bundle when it is first asked for, and again when it was replaced."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._known: tuple[Bundle, tuple[int, int]] | None = None
        self._looked = 0.0

    async def get(self) -> Bundle:
        """The bundle of this moment.

        Raises:
            UnavailableError: there is none.
        """
        if (bundle := await self.find()) is None:
            raise UnavailableError(
                "no base model has been exported for serving yet", "BUNDLE_MISSING", 10.0
            )
        return bundle

    async def find(self) -> Bundle | None:
        """The bundle of this moment, if there is one."""
        if self._known is None or time.monotonic() > self._looked + LOOK_SECONDS:
            self._looked = time.monotonic()
            self._known = await asyncio.to_thread(self._read)
        return self._known[0] if self._known is not None else None

    def _read(self) -> tuple[Bundle, tuple[int, int]] | None:
        """The bundle and its file's version."""
        known = self._known
        try:
            status = (self._directory / "bundle.json").stat()
            version = (status.st_mtime_ns, status.st_ino)
            if known is not None and known[1] == version:
                return known
            description = ServingBundle.load(self._directory)
            bundle = Bundle(
                description,
                description.tokenizer(self._directory),
                np.load(self._directory / "token_embeddings.npy", mmap_mode="r"),
            )
        except FileNotFoundError:
            return None
        except BundleError:
            log.warning("bundle_unreadable")
            return None
        return bundle, version
