"""Settings of TLS and of callers' credentials."""

import re
from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, Field, FilePath, model_validator

TENANT = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}")
EVERYONE = "*"


def _tenant(name: str) -> str:
    if not TENANT.fullmatch(name):
        raise ValueError(f"a tenant's name must match {TENANT.pattern}, got {name!r}")
    return name


def _key_source(source: str) -> str:
    parts = urlsplit(source)
    if parts.scheme == "http" and parts.hostname not in ("localhost", "127.0.0.1", "::1"):
        raise ValueError("must be a file or an https URL, so that nobody can change the keys")
    if not parts.scheme and not Path(source).is_file():
        raise ValueError(f"there is no file {source}")
    return source


TenantName = Annotated[str, AfterValidator(_tenant)]


class TlsSettings(BaseModel, extra="forbid"):
    """TLS of the gRPC address. Files are PEM, and read again when they change."""

    certificate: FilePath | None = Field(
        default=None, description="The gateway's certificate, with those up to the root."
    )
    key: FilePath | None = Field(default=None, description="Its private key.")
    client_ca: FilePath | None = Field(
        default=None,
        description="Callers must show a certificate of these authorities to connect at all.",
    )

    @model_validator(mode="after")
    def _complete(self) -> "TlsSettings":
        if (self.certificate is None) != (self.key is None):
            raise ValueError("certificate and key belong together, one of them is missing")
        if self.client_ca is not None and self.certificate is None:
            raise ValueError("client_ca needs certificate and key")
        return self


class JwtSettings(BaseModel, extra="forbid"):
    """Signed tokens of callers. All but ``jwks`` are compared with a token's claims."""

    jwks: Annotated[str, AfterValidator(_key_source)] = Field(
        description="The issuer's public keys, a JWK Set: an https URL or a file."
    )
    audience: str = Field(min_length=1, description="The claim aud.")
    issuer: str = Field(min_length=1, description="The claim iss.")
    tenant_claim: str = Field(default="tenant", description="The claim that names the tenant.")
    skew_seconds: float = Field(
        default=30.0, ge=0, le=300, description="How far clocks may differ, for exp and nbf."
    )
    refresh_seconds: float = Field(
        default=300.0, gt=0, description="Age at which the keys are read again."
    )


class AuthSettings(BaseModel, extra="forbid"):
    """Which credentials of callers are taken. None at all: anyone may call, on loopback."""

    api_keys: bool = Field(default=False, description="Keys that likeness-admin makes.")
    jwt: JwtSettings | None = Field(default=None, description="Signed tokens.")
    certificates: dict[str, TenantName] = Field(
        default_factory=dict,
        description="Tenant of each name (subject alternative name or common name) in a client "
        f"certificate, as JSON; {EVERYONE}: of all other names.",
    )
    sidecar: bool = Field(
        default=False,
        description="A proxy on loopback verifies certificates, and tells them in the header "
        "x-forwarded-client-cert, which it lets no caller set.",
    )

    @property
    def enabled(self) -> bool:
        """Whether callers are told apart."""
        return self.api_keys or self.jwt is not None or bool(self.certificates)
