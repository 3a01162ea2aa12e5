"""Raw scores of pictures, and the table of all pictures that figures are computed from."""

import io
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

from basemodel.drawing import Pictures
from evaluation.judges import Flags, Floats, Judge
from evaluation.metrics import (
    false_matches,
    identity_score,
    identity_where_prompt_is_met,
    nearest_is_own,
    similarity,
)
from evaluation.settings import Folder
from trainer.process import write_atomically

PLAIN = "plain"
"""Stands for a method where the class noun is drawn instead of an identity."""

NEAREST_OF = 32
"""People of the smaller question of who it is: those whom the person is evaluated with."""


@dataclass(frozen=True)
class RawScores:
    """What the judge says of one picture per prompt.

    Attributes:
        prompt: ``[P]`` cosine with the text.
        detected: ``[P]`` whether a face is found.
        faces: ``[P, E]`` unit vectors, so that any question of whose face it is can be asked later.
    """

    prompt: Floats
    detected: Flags
    faces: Floats

    @classmethod
    def of(cls, judge: Judge, pictures: Pictures, texts: list[str]) -> "RawScores":
        """Judges pictures ``[P, H, W, 3]``."""
        faces, detected = judge.faces(pictures)
        return cls(judge.prompt_scores(pictures, texts), detected, faces)

    def save(self, path: Path) -> None:
        """Writes an npz file."""
        buffer = io.BytesIO()
        np.savez(buffer, prompt=self.prompt, detected=self.detected, faces=self.faces)
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(path, buffer.getvalue())

    @classmethod
    def load(cls, path: Path) -> "RawScores":
        """Reads what :meth:`save` wrote."""
        with np.load(path) as arrays:
            return cls(arrays["prompt"], arrays["detected"], arrays["faces"])


def collect(
    folder: Folder,
    methods: Iterable[str],
    sources: Floats,
    face_threshold: float,
) -> pd.DataFrame:
    """One row a picture, of all raw scores that there are.

    Columns:
        method, person, level, prompt, seed: what it shows; ``seed`` is the index.
        score: cosine of picture and text (Prompt); met: whether it reaches the text's threshold.
        plain_score, plain_met: the same of the picture of the class noun with the same seed.
        detect: whether a face is found.
        id: cosine of its face with the person's source image; id_p: 0 where the prompt isn't met.
        nearest, nearest_256: whether the own source image is nearer than that of any other of 32,
            of all (256) people.
        false_matches: share of the others' source images that pass for the same face.
        verified: whether the own source image does.

    Args:
        folder: the results, with ``suite.json``.
        methods: names in ``suite.json``.
        sources: ``[G, E]`` faces of the gallery, the evaluated people first.
        face_threshold: cosine from which two faces pass for the same.
    """
    suite = folder.suite
    prompts = pd.DataFrame(suite["settings"]["prompts"]).rename(columns={"text": "prompt"})
    thresholds = prompts.pop("threshold").to_numpy()
    first = suite["settings"]["first"]
    tables = []
    plain: dict[int, npt.NDArray[np.float32]] = {}
    for seed in range(suite["seeds"]):
        path = folder.scores(PLAIN, 0, seed)
        if path.exists():
            plain[seed] = RawScores.load(path).prompt
    for method in methods:
        key = suite["methods"][method]["key"]
        for person in range(first, first + suite["identities"]):
            for seed, plain_score in plain.items():
                path = folder.scores(key, person, seed)
                if not path.exists():
                    continue
                raw = RawScores.load(path)
                own = np.full(len(prompts), person - first)
                cosines = similarity(raw.faces, sources)
                few = (person - first) // NEAREST_OF * NEAREST_OF
                nearest = nearest_is_own(cosines[:, few : few + NEAREST_OF], own - few)
                met = raw.prompt >= thresholds
                identity = identity_score(cosines, own)
                columns = {
                    "method": method,
                    "person": person,
                    **prompts,
                    "seed": seed,
                    "score": raw.prompt,
                    "met": met.astype(int),
                    "plain_score": plain_score,
                    "plain_met": (plain_score >= thresholds).astype(int),
                    "detect": raw.detected.astype(int),
                    "id": identity,
                    "id_p": identity_where_prompt_is_met(identity, met),
                    "nearest": nearest.astype(int),
                    "nearest_256": nearest_is_own(cosines, own).astype(int),
                    "false_matches": false_matches(cosines, own, face_threshold),
                    "verified": (identity >= face_threshold).astype(int),
                }
                tables.append(pd.DataFrame(columns))
    return pd.concat(tables, ignore_index=True) if tables else pd.DataFrame()
