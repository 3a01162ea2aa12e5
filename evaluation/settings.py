"""What an evaluation measures."""

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from evaluation.sampling import SamplingSettings
from faceworld.captions import EVALUATION_PROMPTS
from trainer.config import TrainingConfig

CLASS_NOUN = "person"
SEED_SETS = 4
"""People take turns with so many sets of seeds, so that plain pictures can be shared."""


@dataclass(frozen=True)
class EvaluationSettings:
    """All that the figures depend on."""

    base_model: str = "faceworld/checkpoint"  # with `judges` in it
    first: int = 0  # index of the first held-out person
    identities: int = 32  # people
    together: int = 8  # people learned in one batch; has no effect on the result but rounding
    prompts: tuple[str, ...] = EVALUATION_PROMPTS
    sampling: SamplingSettings = field(default_factory=SamplingSettings)
    training: TrainingConfig = field(default_factory=TrainingConfig)

    @property
    def people(self) -> range:
        """Indices of the held-out people."""
        return range(self.first, self.first + self.identities)

    def seeds(self, person: int) -> list[int]:
        """One seed per prompt."""
        turn = person % SEED_SETS
        return [1000 * turn + index for index in range(len(self.prompts))]

    def to_json(self, digest: str) -> dict[str, Any]:
        """Plain values; the base model by its digest."""
        named = asdict(self) | {"base_model": digest}
        plain: dict[str, Any] = json.loads(json.dumps(named))
        return plain


class OtherEvaluationError(RuntimeError):
    """The directory holds results of other settings."""


def claim(out: Path, settings: dict[str, Any]) -> None:
    """Marks a directory with the settings. Raises :class:`OtherEvaluationError`."""
    path = out / "settings.json"
    if path.exists() and json.loads(path.read_text()) != settings:
        raise OtherEvaluationError(f"{out} holds an evaluation with other settings")
    out.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(settings, indent=2) + "\n")
