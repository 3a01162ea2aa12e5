"""From a call to its caller: the credential that is shown, or the certificate behind the call."""

from service.auth.api_keys import PREFIX, ApiKeys
from service.auth.certificates import forwarded_names, peer_names
from service.auth.settings import EVERYONE, AuthSettings
from service.auth.tokens import Tokens
from service.caller import ANYONE, Caller
from service.context import Context
from service.errors import PermissionDeniedError, UnauthenticatedError

FORWARDED = "x-forwarded-client-cert"
SCHEME = "bearer "


class Authenticator:
    """Finds the caller of a call.

    Args:
        settings: which credentials are taken. None: everyone may call, as the default tenant.
        keys: of callers.
    """

    def __init__(self, settings: AuthSettings, keys: ApiKeys) -> None:
        self._settings, self._keys = settings, keys
        self._tokens = Tokens(settings.jwt) if settings.jwt else None

    async def caller(self, context: Context) -> Caller:
        """Who calls. A credential that is shown must be good, whatever the certificate says.

        Raises:
            UnauthenticatedError: no credential, or none that is taken.
            PermissionDeniedError: it is good, but belongs to no tenant.
            UnavailableError: it can't be checked now.
        """
        if not self._settings.enabled:
            return ANYONE
        metadata = context.invocation_metadata() or ()
        shown = [str(value) for key, value in metadata if key == "authorization"]
        if shown:
            return await self._bearer(shown)
        if self._settings.sidecar:
            forwarded = [str(value) for key, value in metadata if key == FORWARDED]
            return self._certified(forwarded_names(forwarded))
        return self._certified(peer_names(context.auth_context()))

    async def _bearer(self, shown: list[str]) -> Caller:
        if len(shown) > 1 or not shown[0].lower().startswith(SCHEME):
            message = "the header authorization must be Bearer and one credential"
            raise UnauthenticatedError(message, "CREDENTIAL_INVALID")
        credential = shown[0][len(SCHEME) :].strip()
        if self._settings.api_keys and credential.startswith(PREFIX):
            return await self._keys.caller(credential)
        if self._tokens is not None:
            return await self._tokens.caller(credential)
        raise UnauthenticatedError("no such credential is taken here", "CREDENTIAL_INVALID")

    def _certified(self, names: list[str]) -> Caller:
        if not names:
            message = "the call shows neither an API key nor a token nor a client certificate"
            raise UnauthenticatedError(message, "CREDENTIAL_MISSING")
        tenants = self._settings.certificates
        for name in [*names, EVERYONE]:
            if name in tenants:
                return Caller(tenants[name], names[0], "certificate")
        message = "the client certificate bears no name of a tenant"
        raise PermissionDeniedError(message, "TENANT_UNKNOWN")
