"""Content Credentials (C2PA, https://spec.c2pa.org): signed statements about a file, inside it.

:mod:`service.manifests` reads them.
"""

import io
import json
import threading
from dataclasses import dataclass
from importlib.metadata import version

from c2pa import Builder, C2paError, C2paSignerInfo, Context, Signer
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.x509.oid import NameOID

from likeness.v1 import provenance_service_pb2 as pb
from service.decoding import ImageRefusedError
from service.images import ImageDecoder
from service.manifests import SOURCE_TYPE, Manifest, reading
from service.settings import ProvenanceSettings

State = pb.ContentCredentials
_STATES = {
    "Absent": State.STATE_ABSENT,
    "Invalid": State.STATE_INVALID,
    "Valid": State.STATE_VALID,
    "Trusted": State.STATE_TRUSTED,
}
_ALGORITHMS = {"secp256r1": b"es256", "secp384r1": b"es384", "secp521r1": b"es512"}


class CertificateError(ValueError):
    """The certificate can't sign; the message says why."""


@dataclass(frozen=True)
class Found:
    """What a file says.

    Attributes:
        state: what the statements are worth.
        issuer: organisation of the signer.
        machine_made: whether the picture is declared to be made by a trained model.
        ours: whether it is signed in the name that we sign in.
    """

    state: pb.ContentCredentials.State
    issuer: str = ""
    machine_made: bool = False
    ours: bool = False


class ContentCredentials:
    """Signs PNGs, if there is a certificate, and knows what the statements in files are worth.

    Raises:
        CertificateError: see there.
    """

    def __init__(self, settings: ProvenanceSettings) -> None:
        self._signer, self._name, anchors = None, ("", ""), ""
        if settings.certificates is not None and settings.private_key is not None:
            try:
                chain, key = settings.certificates.read_bytes(), settings.private_key.read_bytes()
                certificates = x509.load_pem_x509_certificates(chain)
                algorithm = _algorithm(key)
                info = C2paSignerInfo(algorithm, chain, key, settings.timestamp_url)
                self._signer = Signer.from_info(info)
            except (OSError, ValueError, C2paError) as error:
                raise CertificateError(f"can't sign with the certificate: {error}") from error
            self._name = _organisation(certificates[0]), _common_name(certificates[0])
            anchors = _pem(certificates[-1])
        try:
            if settings.trust_anchors is not None:
                anchors += settings.trust_anchors.read_text()
            reading(anchors)  # here, lest every picture be called invalid later
        except (OSError, ValueError, C2paError) as error:
            raise CertificateError(f"can't read the trust anchors: {error}") from error
        self._anchors = anchors
        self._context = Context.from_dict(
            {
                "verify": {"verify_after_sign": False},
                "builder": {"thumbnail": {"enabled": False}},
            }
        )
        self._lock = threading.Lock()  # the signer is not said to bear several threads

    @property
    def signs(self) -> bool:
        """Whether there is a certificate."""
        return self._signer is not None

    def signed(self, png: bytes, watermarked: bool) -> bytes:
        """The PNG with credentials that name it machine-made."""
        actions = [{"action": "c2pa.created", "digitalSourceType": SOURCE_TYPE}]
        if watermarked:
            actions.append({"action": "c2pa.watermarked.unbound"})
        manifest = {
            "claim_generator_info": [{"name": "Likeness", "version": version("likeness")}],
            "format": "image/png",
            "assertions": [{"label": "c2pa.actions.v2", "data": {"actions": actions}}],
        }
        signed = io.BytesIO()
        with self._lock, Builder(json.dumps(manifest), context=self._context) as builder:
            builder.sign(self._signer, "image/png", io.BytesIO(png), signed)
        return signed.getvalue()

    async def read(self, data: bytes, decoder: ImageDecoder) -> Found:
        """What a picture says that the decoder has taken."""
        try:
            manifest = await decoder.manifest(data, self._anchors)
        except ImageRefusedError:  # beyond a limit, or the end of the process that read it
            manifest = Manifest("Invalid")
        return Found(
            state=_STATES[manifest.state],
            issuer=manifest.issuer,
            machine_made=manifest.machine_made,
            ours=manifest.state == "Trusted"
            and (manifest.issuer, manifest.common_name) == self._name,
        )


def _algorithm(key: bytes) -> bytes:
    private = serialization.load_pem_private_key(key, None)
    match private:
        case ec.EllipticCurvePrivateKey() if private.curve.name in _ALGORITHMS:
            return _ALGORITHMS[private.curve.name]
        case ed25519.Ed25519PrivateKey():
            return b"ed25519"
    raise ValueError("the key must be of P-256, P-384, P-521 or Ed25519")


def _organisation(certificate: x509.Certificate) -> str:
    return _attribute(certificate, NameOID.ORGANIZATION_NAME)


def _common_name(certificate: x509.Certificate) -> str:
    return _attribute(certificate, NameOID.COMMON_NAME)


def _attribute(certificate: x509.Certificate, name: x509.ObjectIdentifier) -> str:
    found = certificate.subject.get_attributes_for_oid(name)
    return str(found[0].value) if found else ""


def _pem(certificate: x509.Certificate) -> str:
    return certificate.public_bytes(serialization.Encoding.PEM).decode()
