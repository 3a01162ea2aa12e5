"""Encryption of what is stored: every blob under a key of its own, which a key service wraps.

    b"LIKE1" | length of the wrapped key, 2 bytes | wrapped key | nonce, 12 bytes | AES-256-GCM

The blob's name is authenticated too, so that one blob can't pass for another.
"""

import os
from collections.abc import Sequence
from hashlib import sha256
from typing import Protocol

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

MAGIC = b"LIKE1"
KEY_BYTES, NONCE_BYTES, ID_BYTES = 32, 12, 8


class KeyMissingError(Exception):
    """Whoever has the key does not answer, or the key is not among those of the settings."""


class DamagedError(Exception):
    """It was changed, or belongs to another name."""


class KeyService(Protocol):
    """Wraps keys. A KMS does it without giving its own key away."""

    async def wrap(self, key: bytes) -> bytes:
        """Encrypts a key. Raises :class:`KeyMissingError`."""

    async def unwrap(self, wrapped: bytes) -> bytes:
        """The key that was wrapped. Raises :class:`KeyMissingError`, :class:`DamagedError`."""


class LocalKeys:
    """Keys from the settings.

    Args:
        keys: of 32 bytes each. The first one wraps, all of them unwrap; so a new one goes first,
            and the old one away when nothing is left of its time.
    """

    def __init__(self, keys: Sequence[bytes]) -> None:
        self._keys = {sha256(key).digest()[:ID_BYTES]: AESGCM(key) for key in keys}

    async def wrap(self, key: bytes) -> bytes:
        """With the first key, whose id goes before."""
        if not self._keys:
            raise KeyMissingError
        name, cipher = next(iter(self._keys.items()))
        nonce = os.urandom(NONCE_BYTES)
        return name + nonce + cipher.encrypt(nonce, key, None)

    async def unwrap(self, wrapped: bytes) -> bytes:
        """With the key that it names."""
        name, sealed = wrapped[:ID_BYTES], wrapped[ID_BYTES:]
        if (cipher := self._keys.get(name)) is None:
            raise KeyMissingError
        return _opened(cipher, sealed, None)


async def seal(data: bytes, name: str, keys: KeyService) -> bytes:
    """Encrypts a blob. Raises :class:`KeyMissingError`."""
    key, nonce = AESGCM.generate_key(8 * KEY_BYTES), os.urandom(NONCE_BYTES)
    wrapped = await keys.wrap(key)
    head = MAGIC + len(wrapped).to_bytes(2) + wrapped
    return head + nonce + AESGCM(key).encrypt(nonce, data, name.encode())


async def unseal(sealed: bytes, name: str, keys: KeyService) -> bytes:
    """What was sealed; what does not begin with ``MAGIC`` is not encrypted, and comes as it is.

    Raises:
        KeyMissingError, DamagedError: see there.
    """
    if not sealed.startswith(MAGIC):
        return sealed
    begin = len(MAGIC) + 2
    end = begin + int.from_bytes(sealed[len(MAGIC) : begin])
    key = await keys.unwrap(sealed[begin:end])
    return _opened(AESGCM(key), sealed[end:], name.encode())


def _opened(cipher: AESGCM, sealed: bytes, name: bytes | None) -> bytes:
    try:
        return cipher.decrypt(sealed[:NONCE_BYTES], sealed[NONCE_BYTES:], name)
    except (InvalidTag, ValueError) as error:
        raise DamagedError from error
