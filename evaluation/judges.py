"""Who scores the pictures: what the base model brings along, or CLIP and face recognition."""

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

import numpy as np
import numpy.typing as npt

from basemodel.drawing import Pictures
from evaluation.errors import EvaluationError

Floats = npt.NDArray[np.float32]
Flags = npt.NDArray[np.bool_]


class Judge(Protocol):
    """Scores pictures ``[N, H, W, 3]``.

    Attributes:
        description: names it; scores of another judge are never mixed with its own.
    """

    description: str

    def prompt_scores(self, pictures: Pictures, texts: Sequence[str]) -> Floats:
        """``[N]`` cosine of each picture with its text."""

    def prompt_threshold(self, text: str) -> float:
        """The score from which a picture shows what the text asks for."""

    def faces(self, pictures: Pictures) -> tuple[Floats, Flags]:
        """``[N, E]`` unit vectors of the faces, zero where none can be embedded, and ``[N]``
        whether a face is found."""


class EmbeddedJudge:
    """The judges of the face world's checkpoint, with thresholds calibrated on renders.

    Args:
        base_model: the checkpoint's directory.

    Raises:
        EvaluationError: it has no judges.
    """

    def __init__(self, base_model: str | Path) -> None:
        from faceworld.judges import Judges

        folder = Path(base_model) / "judges"
        if not (folder / "config.json").is_file():
            raise EvaluationError(
                f"--base-model: no judges in {base_model}; give --clip and --face-model"
            )
        self._judges = Judges.load(folder)
        self.description = f"embedded, {_digest(folder)}"

    def prompt_scores(self, pictures: Pictures, texts: Sequence[str]) -> Floats:
        """See :class:`Judge`."""
        return self._judges.clip_score(pictures, texts)

    def prompt_threshold(self, text: str) -> float:
        """See :class:`Judge`."""
        return self._judges.threshold(text)

    def faces(self, pictures: Pictures) -> tuple[Floats, Flags]:
        """See :class:`Judge`."""
        judges = self._judges
        return judges.identity_embedding(pictures), judges.face_detected(pictures)

    def pair_faces(self, pictures: Pictures) -> tuple[Floats, Flags]:
        """``[N, 2, E]`` and ``[N, 2]``: the same of the left and the right face of two people."""
        judges = self._judges
        return judges.pair_embeddings(pictures), judges.pair_detected(pictures)


def _digest(folder: Path) -> str:
    import hashlib

    total = hashlib.sha256()
    for path in sorted(folder.glob("*")):
        if path.suffix in (".json", ".safetensors"):
            total.update(path.read_bytes())
    return f"sha256:{total.hexdigest()[:12]}"
