"""What the Content Credentials (C2PA, https://spec.c2pa.org) inside a file say.

A parser reads them that is written in another language, so strangers' files come here only in the
process of :mod:`service.decoding`.
"""

import io
import json
from dataclasses import dataclass
from typing import Any, Literal

from c2pa import C2paError, Context, Reader

SOURCE_TYPE = "http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia"
"""IPTC's term for media made by a trained model."""

State = Literal["Absent", "Invalid", "Valid", "Trusted"]


@dataclass(frozen=True)
class Manifest:
    """What a file says.

    Attributes:
        state: what the statements are worth.
        issuer: organisation of the signer.
        common_name: of the signer.
        machine_made: whether the picture is declared to be made by a trained model.
    """

    state: State
    issuer: str = ""
    common_name: str = ""
    machine_made: bool = False


def reading(anchors: str) -> Context:
    """How files are read: nothing is fetched for what they say, neither manifests nor revocations.

    Args:
        anchors: PEM of the authorities to trust; may be empty.

    Raises:
        C2paError: these are no certificates.
    """
    return Context.from_dict(
        {
            "verify": {"remote_manifest_fetch": False, "ocsp_fetch": False},
            "trust": {"trust_anchors": anchors} if anchors else {},
        }
    )


def read(data: bytes, anchors: str) -> Manifest:
    """What a picture says, with these authorities trusted."""
    try:
        with Reader(_mime_type(data), io.BytesIO(data), context=reading(anchors)) as reader:
            state = reader.get_validation_state()
            store = json.loads(reader.json())
        manifest = store["manifests"].get(store.get("active_manifest"), {})
        signature = manifest.get("signature_info", {})
        return Manifest(
            state if state in ("Valid", "Trusted") else "Invalid",
            signature.get("issuer", ""),
            signature.get("common_name", ""),
            any(action.get("digitalSourceType") == SOURCE_TYPE for action in _actions(manifest)),
        )
    except C2paError as error:
        # The wrapper's class of this case is private.
        absent = str(error).startswith(("ManifestNotFound", "RemoteManifest"))
        return Manifest("Absent" if absent else "Invalid")
    except Exception:  # whatever hostile bytes bring about
        return Manifest("Invalid")


def _mime_type(data: bytes) -> str:
    """Of a picture that has been decoded, so that it is one of these."""
    for start, mime_type in ((b"\x89PNG", "image/png"), (b"\xff\xd8", "image/jpeg")):
        if data.startswith(start):
            return mime_type
    return "image/webp" if data.startswith(b"RIFF") else "image/heic"


def _actions(manifest: dict[str, Any]) -> list[dict[str, Any]]:
    return [
        action
        for assertion in manifest.get("assertions", [])
        if assertion.get("label", "").startswith("c2pa.actions")
        for action in assertion.get("data", {}).get("actions", [])
    ]
