"""Content Credentials (C2PA, https://spec.c2pa.org): signed statements about a file, inside it."""

import io
import json
import threading
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any

from c2pa import Builder, C2paError, C2paSignerInfo, Context, Reader, Signer
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.x509.oid import NameOID

from likeness.v1 import provenance_service_pb2 as pb
from service.settings import ProvenanceSettings

SOURCE_TYPE = "http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia"
"""IPTC's term for media made by a trained model."""

State = pb.ContentCredentials
_STATES = {"Valid": State.STATE_VALID, "Trusted": State.STATE_TRUSTED}
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
    """Signs PNGs, if there is a certificate, and reads what files of any kind say.

    Nothing is fetched for what a file says: neither manifests nor revocations.

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
        if settings.trust_anchors is not None:
            try:
                anchors += settings.trust_anchors.read_text()
            except (OSError, ValueError) as error:
                raise CertificateError(f"can't read the trust anchors: {error}") from error
        self._context = Context.from_dict(
            {
                "verify": {
                    "remote_manifest_fetch": False,
                    "ocsp_fetch": False,
                    "verify_after_sign": False,
                },
                "trust": {"trust_anchors": anchors} if anchors else {},
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

    def read(self, data: bytes, mime_type: str) -> Found:
        """What a file says."""
        try:
            with Reader(mime_type, io.BytesIO(data), context=self._context) as reader:
                state = reader.get_validation_state()
                store = json.loads(reader.json())
        except C2paError as error:
            # The wrapper's class of this case is private.
            absent = str(error).startswith(("ManifestNotFound", "RemoteManifest"))
            return Found(State.STATE_ABSENT if absent else State.STATE_INVALID)
        manifest = store["manifests"].get(store.get("active_manifest"), {})
        signature = manifest.get("signature_info", {})
        name = signature.get("issuer", ""), signature.get("common_name", "")
        return Found(
            state=_STATES.get(state, State.STATE_INVALID),
            issuer=name[0],
            machine_made=any(
                action.get("digitalSourceType") == SOURCE_TYPE for action in _actions(manifest)
            ),
            ours=state == "Trusted" and name == self._name,
        )


def _actions(manifest: dict[str, Any]) -> list[dict[str, Any]]:
    return [
        action
        for assertion in manifest.get("assertions", [])
        if assertion.get("label", "").startswith("c2pa.actions")
        for action in assertion.get("data", {}).get("actions", [])
    ]


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
