"""The numbers of a bundle that the loop works with, beside its engines."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt


@dataclass(frozen=True)
class Tables:
    """The base model's tables; see :mod:`identity.bundle`.

    Attributes:
        token_embeddings: ``[vocabulary, D]``.
        scheduler_config: as diffusers writes it.
        latent_rgb: ``[C + 1, 3]``, latents and bias to RGB in [0, 1].
    """

    token_embeddings: npt.NDArray[np.float32]
    scheduler_config: dict[str, Any]
    latent_rgb: npt.NDArray[np.float32]

    @classmethod
    def load(cls, bundle: Path) -> "Tables":
        """Reads the tables of a bundle."""
        return cls(
            np.load(bundle / "token_embeddings.npy"),
            json.loads((bundle / "scheduler.json").read_text()),
            np.load(bundle / "latent_rgb.npy"),
        )

    @property
    def vocabulary(self) -> int:
        """Number of token ids."""
        return len(self.token_embeddings)
