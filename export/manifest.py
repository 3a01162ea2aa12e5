"""What a GPU engine was made from and for, written beside it and checked before it is loaded.

An engine is machine code for one version of one library and for certain GPUs. The libraries refuse
others too, but in their own words; here both sides are named.
"""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Self

PLAN = ".plan"
"""Suffix of an engine's file."""
SUFFIX = ".json"
"""What its manifest's name has besides."""


class EngineMismatchError(ValueError):
    """The engine is not whole, or for another library, version or GPU; then both are named."""


@dataclass(frozen=True)
class EngineManifest:
    """Description of one engine.

    Attributes:
        graph: name of the model.
        base_model_digest, onnx_digest: what it was made from, ``sha256:<hex>``.
        library, version: what compiled it, such as ``tensorrt`` ``10.13.3``.
        capabilities: compute capabilities of the GPUs it runs on, such as ``8.9``.
        precision: of the weights and most of the arithmetic.
        profiles: rows and shapes it is tuned for; see :class:`export.profiles.Profile`.
        build_seconds: how long the compiler took.
    """

    graph: str
    base_model_digest: str
    onnx_digest: str
    library: str
    version: str
    capabilities: Sequence[str]
    precision: str
    profiles: Sequence[dict[str, object]]
    build_seconds: float

    def save(self, engine: Path) -> None:
        """Writes it beside the engine."""
        engine.with_name(engine.name + SUFFIX).write_text(json.dumps(asdict(self), indent=2) + "\n")

    @classmethod
    def load(cls, engine: Path) -> Self:
        """Reads it from beside the engine. Raises :class:`EngineMismatchError`."""
        try:
            return cls(**json.loads(engine.with_name(engine.name + SUFFIX).read_text()))
        except (OSError, TypeError, json.JSONDecodeError) as error:
            raise EngineMismatchError(
                f"{engine} has no manifest that can be read: {error}"
            ) from error

    def check(self, library: str, version: str, capability: str, base_model_digest: str) -> None:
        """Raises :class:`EngineMismatchError` unless the engine is for all of these."""
        sides = {
            "base model": (self.base_model_digest, base_model_digest),
            "library": (f"{self.library} {self.version}", f"{library} {version}"),
        }
        for what, (made_for, found) in sides.items():
            if made_for != found:
                raise EngineMismatchError(
                    f"the engine of {self.graph} is for {what} {made_for}, here is {found}: "
                    "export it again"
                )
        if capability not in self.capabilities:
            raise EngineMismatchError(
                f"the engine of {self.graph} is for compute capability "
                f"{' and '.join(self.capabilities)}, this GPU has {capability}: export it again"
            )
