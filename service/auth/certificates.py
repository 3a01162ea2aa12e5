"""The names in a client certificate that TLS, here or in a proxy beside us, has verified."""

import re
from collections.abc import Iterable, Mapping

from cryptography.x509 import Name
from cryptography.x509.oid import NameOID

from service.errors import UnauthenticatedError

_PAIR = re.compile(r'(\w+)=("(?:[^"\\]|\\.)*"|[^;,"]*)')
_ELEMENT = re.compile(rf"{_PAIR.pattern}(?:;{_PAIR.pattern})*")


def peer_names(peer: Mapping[str, Iterable[bytes]]) -> list[str]:
    """Subject alternative names and common name of the peer of a TLS connection.

    Args:
        peer: gRPC's authentication context, empty without a verified certificate.
    """
    kinds = ("x509_subject_alternative_name", "x509_common_name")
    return [name.decode() for kind in kinds for name in peer.get(kind) or ()]


def forwarded_names(headers: list[str]) -> list[str]:
    """The same of Envoy's header ``x-forwarded-client-cert``, set with `SANITIZE_SET`.

    Raises:
        UnauthenticatedError: the header is none that one proxy has set for one certificate.
    """
    if not headers:
        return []
    if len(headers) > 1 or not _ELEMENT.fullmatch(headers[0]):
        message = "the proxy did not tell of exactly one client certificate"
        raise UnauthenticatedError(message, "CREDENTIAL_INVALID")
    names, common = [], []
    for key, value in _PAIR.findall(headers[0]):
        text = value[1:-1].replace(r"\"", '"') if value.startswith('"') else value
        if key in ("URI", "DNS"):
            names.append(text)
        elif key == "Subject" and text:
            common += _common_names(text)
    return [name for name in names + common if name]


def _common_names(subject: str) -> list[str]:
    try:
        attributes = Name.from_rfc4514_string(subject).get_attributes_for_oid(NameOID.COMMON_NAME)
    except ValueError:
        return []
    return [str(attribute.value) for attribute in attributes]
