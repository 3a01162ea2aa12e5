"""What an evaluation measures, and the folder that its results lie in."""

import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from basemodel import BaseModel
from basemodel.drawing import SamplingSettings
from evaluation.clip_judge import ClipFaceJudge
from evaluation.errors import EvaluationError
from evaluation.judges import EmbeddedJudge, Judge
from evaluation.people import FaceWorldPeople, FolderPeople, People
from trainer.config import TEMPLATE

FACE_LEVEL = "face"
"""The level of `a photo of the face of V*`: *ID(F) and *Detect(F) of Table I."""


@dataclass(frozen=True)
class Prompt:
    """A prompt, ``{}`` is the subject, and the level it belongs to."""

    level: str
    text: str


@dataclass(frozen=True)
class RealJudge:
    """Files of :class:`evaluation.clip_judge.ClipFaceJudge`."""

    clip: str
    face_model: Path
    face_detector: Path | None
    prompt_threshold: float

    def load(self) -> Judge:
        """The judge."""
        return ClipFaceJudge(self.clip, self.face_model, self.face_detector, self.prompt_threshold)


@dataclass(frozen=True)
class Settings:
    """All that scores depend on.

    Attributes:
        base_model: diffusers directory or hub id.
        class_noun: what the people (dogs, cars) are, and what plain pictures show.
        first: index of the first person.
        prompts: what is drawn of everybody.
        sampling: how.
        sources: folder of images; None: held-out people of the face world.
        judge: None: the base model's own.
    """

    base_model: str
    class_noun: str
    first: int
    prompts: tuple[Prompt, ...]
    sampling: SamplingSettings
    sources: Path | None = None
    judge: RealJudge | None = None

    @property
    def plain_texts(self) -> list[str]:
        """The prompts with the class noun, which is also what pictures are judged by."""
        return [prompt.text.format(self.class_noun) for prompt in self.prompts]

    def load_judge(self) -> Judge:
        """Raises :class:`EvaluationError`."""
        return EmbeddedJudge(self.base_model) if self.judge is None else self.judge.load()

    def people(self, base: BaseModel) -> People:
        """Raises :class:`EvaluationError`."""
        if self.sources is None:
            return FaceWorldPeople(self.class_noun)
        return FolderPeople(self.sources, base.image_size)

    def to_json(self, base: BaseModel, judge: Judge, people: People) -> dict[str, Any]:
        """What `suite.json` keeps, files by their digests."""
        prompts = [
            {"level": prompt.level, "text": prompt.text, "threshold": judge.prompt_threshold(text)}
            for prompt, text in zip(self.prompts, self.plain_texts, strict=True)
        ]
        return {
            "base_model": base.digest,
            "class_noun": self.class_noun,
            "initial_words": list(base.initial_words.get(self.class_noun, ())),
            "first": self.first,
            "prompts": prompts,
            "sampling": asdict(self.sampling),
            "judge": judge.description,
            "sources": people.description,
        }


def prompts_of(levels: Mapping[str, Any]) -> tuple[Prompt, ...]:
    """Prompts by level. Raises :class:`EvaluationError`."""
    prompts = [Prompt(level, text) for level, texts in levels.items() for text in texts]
    for prompt in prompts:
        if not isinstance(prompt.text, str) or not re.fullmatch(TEMPLATE, prompt.text):
            raise EvaluationError(
                f"--prompts: {prompt.text!r} must have one {{}} for the subject, and no other brace"
            )
    if len({prompt.text for prompt in prompts}) < len(prompts) or not prompts:
        raise EvaluationError("--prompts: must be at least one, and no text twice")
    return tuple(prompts)


def read_prompts(path: Path) -> tuple[Prompt, ...]:
    """A JSON file ``{level: [text, ...]}``. Raises :class:`EvaluationError`."""
    try:
        levels = json.loads(path.read_text())
    except (OSError, ValueError) as error:
        raise EvaluationError(f"--prompts: {path} is no JSON file: {error}") from error
    if not isinstance(levels, dict) or not all(
        isinstance(texts, list) for texts in levels.values()
    ):
        raise EvaluationError(f"--prompts: {path} must be an object of lists, {{level: [text]}}")
    return prompts_of(levels)


class Folder:
    """The output folder; :mod:`evaluation` says what lies where."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def exists(self) -> bool:
        """Whether anything was measured yet."""
        return (self.root / "suite.json").exists()

    @cached_property
    def suite(self) -> dict[str, Any]:
        """``suite.json``."""
        suite: dict[str, Any] = json.loads((self.root / "suite.json").read_text())
        return suite

    def timing(self) -> dict[str, Any]:
        """``timing.json``, by method."""
        path = self.root / "timing.json"
        return dict(json.loads(path.read_text())) if path.exists() else {}

    def source(self, person: int) -> Path:
        """Where a person's one image lies."""
        return self.root / "sources" / f"{person:04d}.png"

    def identity(self, key: str, person: int) -> Path:
        """Where a learned identity lies."""
        return self.root / "identities" / key / f"{person:04d}.safetensors"

    def scores(self, key: str, person: int, seed: int) -> Path:
        """Where raw scores lie."""
        return self.root / "scores" / key / f"{person:04d}-{seed}.npz"

    def pictures(self, key: str, person: int) -> Path:
        """Where a strip of pictures lies."""
        return self.root / "pictures" / key / f"{person:04d}.png"

    def claim(self, settings: Mapping[str, Any]) -> None:
        """Makes sure that nothing in the folder was measured otherwise.

        Raises:
            EvaluationError: it was; the message names the first setting that differs.
        """
        if not self.exists():
            return
        kept = self.suite["settings"]
        for name, value in json.loads(json.dumps(settings)).items():
            if kept.get(name) != value:
                raise EvaluationError(
                    f"--out: {self.root} holds results of another {name}; choose another folder"
                )
