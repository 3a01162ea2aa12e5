"""Source images at rest: encrypted if there is a key, and gone when training is done."""

import structlog

from identity import digest
from service.blobs import BlobStore, source_key
from service.encryption import DamagedError, KeyMissingError, KeyService, seal, unseal
from service.errors import DataLossError, UnavailableError

log = structlog.get_logger()


class SourceImages:
    """Source images in a blob store, by their identity's uid.

    Args:
        blobs: where they lie.
        keys: wraps the keys that they are encrypted with.
        encrypted: whether new ones are; all can be read.
    """

    def __init__(self, blobs: BlobStore, keys: KeyService, encrypted: bool) -> None:
        self._blobs, self._keys, self._encrypted = blobs, keys, encrypted

    async def put(self, identity_uid: str, image: bytes) -> None:
        """Stores an image. Raises :class:`UnavailableError`."""
        key = source_key(identity_uid)
        if self._encrypted:
            try:
                image = await seal(image, key, self._keys)
            except KeyMissingError as error:
                raise _no_key() from error
        await self._blobs.put(key, image)

    async def get(self, identity_uid: str, expected_digest: str) -> bytes:
        """Reads an image.

        Raises:
            DataLossError: it is gone, or not what was stored.
            UnavailableError: the storage does not answer, or nobody has the key.
        """
        key = source_key(identity_uid)
        if (stored := await self._blobs.find(key)) is None:
            raise DataLossError("stored data is missing", "BLOB_MISSING")
        try:
            image = await unseal(stored, key, self._keys)
        except KeyMissingError as error:
            raise _no_key() from error
        except DamagedError as error:
            raise DataLossError("stored data is damaged", "BLOB_DAMAGED") from error
        if digest(image) != expected_digest:
            raise DataLossError("stored data is damaged", "BLOB_DAMAGED")
        return image

    async def erase(self, identity_uid: str) -> None:
        """Erases an image, if it is there."""
        await self._blobs.erase_source(identity_uid)


def _no_key() -> UnavailableError:
    log.error("encryption_key_missing")
    return UnavailableError("the key of stored images is not at hand", "KEY_UNAVAILABLE")
