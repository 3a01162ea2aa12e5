"""API keys: ``lk_<key id>_<secret>``. Only a digest of the secret is stored.

The secret is 256 random bits, so that a plain SHA-256 tells an attacker nothing: a slow hash is for
secrets that people choose.
"""

import hmac
import re
import secrets
import time

from identity import digest
from service.caller import Caller
from service.errors import UnauthenticatedError
from service.store.api_keys import ApiKey, ApiKeyStore
from service.store.records import now

PREFIX = "lk_"
REMEMBERED_SECONDS = 5.0
"""A key that was good is looked up again after so long; so long does a revoked one still work."""
MAX_REMEMBERED = 10_000
_FORM = re.compile(rf"{PREFIX}([a-z0-9]{{16}})_([A-Za-z0-9_-]{{43}})")


class ApiKeys:
    """Makes keys and recognises them."""

    def __init__(self, store: ApiKeyStore) -> None:
        self._store = store
        self._remembered: dict[str, tuple[float, ApiKey]] = {}

    async def create(self, tenant: str, expire_time: int | None = None) -> str:
        """A new key, which nobody can tell again.

        Args:
            tenant: whose it is.
            expire_time: microseconds since 1970; None: never.
        """
        key_id, secret = secrets.token_hex(8), secrets.token_urlsafe(32)
        await self._store.add(
            ApiKey(key_id, tenant, digest(secret.encode()), now(), expire_time, None)
        )
        return f"{PREFIX}{key_id}_{secret}"

    async def caller(self, key: str) -> Caller:
        """Whose key it is. Raises :class:`UnauthenticatedError`, :class:`UnavailableError`."""
        if (form := _FORM.fullmatch(key)) is None:
            raise _invalid()
        key_id, secret = form.groups()
        found = await self._find(key_id)
        good = found is not None and hmac.compare_digest(found.digest, digest(secret.encode()))
        if found is None or not good or found.revoke_time is not None:
            raise _invalid()
        if found.expire_time is not None and found.expire_time <= now():
            raise UnauthenticatedError("the API key has expired", "CREDENTIAL_EXPIRED")
        return Caller(found.tenant, f"key:{key_id}", "api_key")

    async def _find(self, key_id: str) -> ApiKey | None:
        until, found = self._remembered.get(key_id, (0.0, None))
        if time.monotonic() < until:
            return found
        found = await self._store.find(key_id)
        if found is not None:
            if len(self._remembered) >= MAX_REMEMBERED:
                self._remembered.clear()
            self._remembered[key_id] = time.monotonic() + REMEMBERED_SECONDS, found
        return found


def _invalid() -> UnauthenticatedError:
    return UnauthenticatedError("the API key is not valid", "CREDENTIAL_INVALID")
