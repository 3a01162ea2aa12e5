"""The identity artifact: a safetensors file with one tensor ``[stages, 2, D]`` and its metadata."""

import hashlib
import json
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
from safetensors import SafetensorError
from safetensors.numpy import load, save

FORMAT = "likeness.identity/1"
TENSOR = "tokens"
METADATA = "likeness"
MAX_STAGES = 10

_KINDS = {"base_model_digest": str, "class_noun": str, "training": dict}


class ArtifactError(ValueError):
    """The bytes are not an identity artifact, or not one that this version reads."""


@dataclass(frozen=True)
class Identity:
    """A learned identity.

    Attributes:
        tokens: ``[S, 2, D]`` float32: per stage the vector that stands for the placeholder in the
            sequence that gives the keys (0) and in the one that gives the values (1).
        base_model_digest: ``sha256:<hex>`` of the base model it was learned on.
        class_noun: the plain noun it stands for.
        training: the training config and library versions, for the record.
    """

    tokens: npt.NDArray[np.float32]
    base_model_digest: str
    class_noun: str
    training: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.tokens.ndim != 3 or self.tokens.shape[1] != 2:
            raise ArtifactError(f"tokens must be [stages, 2, D], got {list(self.tokens.shape)}")
        if not 1 <= self.tokens.shape[0] <= MAX_STAGES:
            raise ArtifactError(f"stages must be 1 to {MAX_STAGES}, got {self.tokens.shape[0]}")
        if self.tokens.dtype != np.float32 or not np.isfinite(self.tokens).all():
            raise ArtifactError("tokens must be finite float32")

    @property
    def stages(self) -> int:
        """Number of stages S."""
        return int(self.tokens.shape[0])

    @property
    def width(self) -> int:
        """Token width D."""
        return int(self.tokens.shape[2])

    def to_bytes(self) -> bytes:
        """The artifact file; the same identity gives the same bytes."""
        metadata = {
            "format": FORMAT,
            "base_model_digest": self.base_model_digest,
            "class_noun": self.class_noun,
            "training": self.training,
        }
        # One entry: safetensors writes several in an arbitrary order, and the digest must not vary.
        entry = {METADATA: json.dumps(metadata, sort_keys=True)}
        return save({TENSOR: np.ascontiguousarray(self.tokens)}, entry)

    @classmethod
    def from_bytes(cls, data: bytes) -> "Identity":
        """Reads an artifact. Raises :class:`ArtifactError`."""
        try:
            tensors = load(data)
            header = json.loads(data[8 : 8 + int.from_bytes(data[:8], "little")])
            metadata = json.loads(header["__metadata__"][METADATA])
            if metadata["format"] != FORMAT:
                raise ArtifactError(f"format must be {FORMAT}, got {metadata['format']}")
            for name, kind in _KINDS.items():
                if not isinstance(found := metadata[name], kind):
                    raise ArtifactError(
                        f"{name} must be {kind.__name__}, got {type(found).__name__}"
                    )
            return cls(
                tokens=tensors[TENSOR],
                base_model_digest=metadata["base_model_digest"],
                class_noun=metadata["class_noun"],
                training=metadata["training"],
            )
        except ArtifactError:
            raise
        except (SafetensorError, KeyError, RecursionError, TypeError, ValueError) as error:
            raise ArtifactError(f"not an identity artifact: {error}") from error


def digest(data: bytes) -> str:
    """``sha256:<hex>`` of the bytes, as digests are written throughout."""
    return "sha256:" + hashlib.sha256(data).hexdigest()
