"""How the client reaches a service: TLS, and the credential that it shows."""

import ipaddress
import os
from dataclasses import dataclass
from pathlib import Path

import grpc

ROOTS, CERTIFICATE, KEY = "LIKENESS_ROOTS", "LIKENESS_CLIENT_CERTIFICATE", "LIKENESS_CLIENT_KEY"
API_KEY, TOKEN_FILE = "LIKENESS_API_KEY", "LIKENESS_TOKEN_FILE"


@dataclass(frozen=True)
class Access:
    """TLS is spoken to every address but a loopback one, and there too if files are given for it:
    neither credentials nor pictures cross a network in the clear.

    Attributes:
        roots: PEM file of the authorities that the service's certificate is checked against; the
            usual ones if None.
        certificate, key: PEM files of the client's own certificate, for mutual TLS.
        api_key: a key of the service.
        token_file: holds a signed token (JWT). It is read for every call, so it may be renewed.
    """

    roots: Path | None = None
    certificate: Path | None = None
    key: Path | None = None
    api_key: str = ""
    token_file: Path | None = None

    def __post_init__(self) -> None:
        if (self.certificate is None) != (self.key is None):
            raise ValueError("certificate and key belong together, one of them is missing")

    @classmethod
    def from_environment(cls) -> "Access":
        """What `LIKENESS_ROOTS`, `LIKENESS_CLIENT_CERTIFICATE`, `LIKENESS_CLIENT_KEY`,
        `LIKENESS_API_KEY` and `LIKENESS_TOKEN_FILE` say.
        """
        key = os.environ.get(API_KEY, "")
        return cls(_file(ROOTS), _file(CERTIFICATE), _file(KEY), key, _file(TOKEN_FILE))

    def channel_credentials(self, address: str) -> grpc.ChannelCredentials | None:
        """TLS for a channel to `address`; None: without. Raises `OSError`: a file can't be read."""
        if _is_loopback(address) and self.roots is None and self.certificate is None:
            return None
        return grpc.ssl_channel_credentials(
            _read(self.roots), _read(self.key), _read(self.certificate)
        )

    def metadata(self) -> tuple[tuple[str, str], ...]:
        """The credential, for a call. Raises `OSError` if its file can't be read."""
        shown = self.token_file.read_text().strip() if self.token_file else self.api_key
        return (("authorization", f"Bearer {shown}"),) if shown else ()


def _file(name: str) -> Path | None:
    return Path(path) if (path := os.environ.get(name)) else None


def _read(path: Path | None) -> bytes | None:
    return path.read_bytes() if path else None


def _is_loopback(address: str) -> bool:
    host = address.rpartition(":")[0].strip("[]")
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
