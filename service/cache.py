"""Artifacts of recently used identities, in memory."""

from collections import OrderedDict

from identity import ArtifactError, Identity
from service.blobs import BlobStore
from service.errors import DataLossError
from service.metrics import Metrics
from service.store import IdentityRecord

ENTRY_OVERHEAD = 1024
"""Bytes of an entry besides its tensor, roughly: objects, keys, metadata."""


class IdentityCache:
    """Least recently used first out, bounded by bytes. A uid never changes its artifact.

    Args:
        blobs: where artifacts come from.
        max_bytes: bound of what is kept; 0 switches the cache off.
    """

    def __init__(self, blobs: BlobStore, max_bytes: int, metrics: Metrics) -> None:
        self._blobs = blobs
        self._max_bytes = max_bytes
        self._metrics = metrics
        self._entries: OrderedDict[str, Identity] = OrderedDict()
        self._bytes = 0

    async def get(self, record: IdentityRecord) -> Identity:
        """The artifact of a READY identity.

        Raises:
            DataLossError: it is gone or damaged.
        """
        if (cached := self._entries.get(record.uid)) is not None:
            self._entries.move_to_end(record.uid)
            self._metrics.identity_cache_requests.labels("hit").inc()
            return cached
        self._metrics.identity_cache_requests.labels("miss").inc()
        data = await self._blobs.get(record.artifact_key, record.artifact_digest)
        try:
            identity = Identity.from_bytes(data)
        except ArtifactError as error:
            raise DataLossError(
                "the stored identity can't be read", "ARTIFACT_UNREADABLE"
            ) from error
        self._keep(record.uid, identity)
        return identity

    @property
    def uids(self) -> list[str]:
        """Those of the identities that are kept."""
        return list(self._entries)

    def forget(self, uid: str) -> None:
        """Drops an identity."""
        if (entry := self._entries.pop(uid, None)) is not None:
            self._bytes -= _size(entry)
            self._metrics.identity_cache_bytes.set(self._bytes)

    def _keep(self, uid: str, identity: Identity) -> None:
        self.forget(uid)
        self._entries[uid] = identity
        self._bytes += _size(identity)
        while self._bytes > self._max_bytes:
            _, oldest = self._entries.popitem(last=False)
            self._bytes -= _size(oldest)
        self._metrics.identity_cache_bytes.set(self._bytes)


def _size(identity: Identity) -> int:
    return int(identity.tokens.nbytes) + ENTRY_OVERHEAD
