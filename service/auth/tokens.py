"""JSON Web Tokens (RFC 7519), signed by an issuer whose public keys are a JWK Set (RFC 7517)."""

import asyncio
import time
import urllib.request
from pathlib import Path
from typing import Any

import jwt
import structlog

from service.auth.settings import TENANT, JwtSettings
from service.caller import Caller
from service.errors import PermissionDeniedError, UnauthenticatedError, UnavailableError
from service.logs import fault

log = structlog.get_logger()

ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "EdDSA")
"""Of public keys only: with a shared secret every verifier could sign."""
PAUSE_SECONDS = 5.0
"""Least time between two readings of the keys: tokens of invented keys must not cause a storm."""
FETCH_SECONDS, MAX_BYTES = 5.0, 2**20
MAX_SUBJECT = 256


class KeySet:
    """The issuer's keys, read again when they are old and when a token names an unknown one."""

    def __init__(self, source: str, refresh_seconds: float) -> None:
        self._source, self._refresh_seconds = source, refresh_seconds
        self._keys: dict[str, jwt.PyJWK] = {}
        self._read_at = float("-inf")
        self._lock = asyncio.Lock()

    async def find(self, key_id: str) -> jwt.PyJWK | None:
        """A key. Raises :class:`UnavailableError` if no keys could ever be read."""
        async with self._lock:
            age = time.monotonic() - self._read_at
            wanted = age > self._refresh_seconds or key_id not in self._keys
            if wanted and age > PAUSE_SECONDS:
                await self._refresh()
        if not self._keys:
            raise UnavailableError("the issuer's keys can't be read", "KEYS_UNAVAILABLE")
        return self._keys.get(key_id)

    async def _refresh(self) -> None:
        self._read_at = time.monotonic()
        try:
            document = await asyncio.to_thread(self._read)
            keys = jwt.PyJWKSet.from_json(document.decode()).keys
        except (OSError, ValueError, jwt.PyJWTError) as error:
            log.warning("issuer_keys_unreadable", **fault(error))  # those known go on working
            return
        self._keys = {key.key_id: key for key in keys if key.key_id}

    def _read(self) -> bytes:
        if not self._source.startswith(("https:", "http:")):
            return Path(self._source).read_bytes()
        with urllib.request.urlopen(self._source, timeout=FETCH_SECONDS) as answer:
            document: bytes = answer.read(MAX_BYTES)
        return document


class Tokens:
    """Recognises tokens."""

    def __init__(self, settings: JwtSettings) -> None:
        self._settings = settings
        self._keys = KeySet(settings.jwks, settings.refresh_seconds)

    async def caller(self, token: str) -> Caller:
        """Whose token it is.

        Raises:
            UnauthenticatedError: it is not signed by the issuer, for us, and for now.
            PermissionDeniedError: it names no tenant.
            UnavailableError: the keys can't be read.
        """
        try:
            key = await self._keys.find(str(jwt.get_unverified_header(token).get("kid", "")))
            if key is None:
                raise jwt.InvalidKeyError
            claims: dict[str, Any] = jwt.decode(
                token,
                key,
                algorithms=ALGORITHMS,
                audience=self._settings.audience,
                issuer=self._settings.issuer,
                leeway=self._settings.skew_seconds,
                options={"require": ["exp", "sub"]},
            )
        except jwt.ExpiredSignatureError as error:
            raise UnauthenticatedError("the token has expired", "CREDENTIAL_EXPIRED") from error
        except jwt.PyJWTError as error:
            raise UnauthenticatedError("the token is not valid", "CREDENTIAL_INVALID") from error
        tenant = claims.get(self._settings.tenant_claim)
        if not isinstance(tenant, str) or not TENANT.fullmatch(tenant):
            message = f"the token's claim {self._settings.tenant_claim} names no tenant"
            raise PermissionDeniedError(message, "TENANT_UNKNOWN")
        return Caller(tenant, str(claims["sub"])[:MAX_SUBJECT], "token")
