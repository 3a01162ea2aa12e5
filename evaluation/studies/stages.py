"""Draws people with the identity in some stages, or in keys or values only (paper IV-H)."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from PIL import Image
from torch import Tensor

from basemodel.drawing import Pictures
from evaluation.errors import EvaluationError
from evaluation.learning import config_key
from evaluation.metrics import identity_score, similarity
from evaluation.studies.bench import Advance, Bench
from evaluation.studies.findings import findings
from evaluation.studies.substitution import (
    Floats,
    layout_similarity,
    name_of,
    substitutions,
    surroundings_difference,
)
from evaluation.studies.tables import markdown, table_of, write_grid
from evaluation.workers import write_strip
from identity.strength import blend
from trainer.process import write_atomically

_METHOD = "5kv-all"
_PROMPTS = (
    "a photo of the face of {}",
    "a photo of {} wearing a hat",
    "a photo of {} at the beach",
)


@dataclass(frozen=True)
class Scope:
    """What is drawn in each setting; pictures go by person, then prompt, then seed."""

    method: str
    people: tuple[int, ...]
    prompts: tuple[str, ...]
    seeds: int
    stages: int


def study(bench: Bench, advance: Advance) -> None:
    """Draws what is missing, measures everything and writes the tables.

    Raises:
        EvaluationError: there are pictures of other people, prompts or seeds.
    """
    out = bench.folder.root / "stages"
    out.mkdir(exist_ok=True)
    tokens = bench.learned(_METHOD, bench.numbers)
    scope = Scope(
        config_key(bench.methods[_METHOD]), bench.numbers, _PROMPTS, bench.seeds, len(tokens[0])
    )
    _claim(out / "settings.json", scope)
    series = substitutions(scope.stages)
    settings = {name_of(each): each for some in series.values() for each in some.strengths.values()}
    drawn = {}
    for name, strength in settings.items():
        path = out / f"{name}.png"
        if not path.exists():
            write_strip(path, _draw(bench, scope, tokens, strength))
        drawn[name] = _read(path, bench.base.image_size)
        advance(len(drawn), len(settings))
    scores = _scores(bench, scope, drawn)
    write_atomically(out / "scores.csv", scores.to_csv(index=False, float_format="%.5f").encode())
    table = table_of(scores, series)
    write_atomically(out / "table.csv", table.to_csv(index=False, float_format="%.4f").encode())
    read = markdown(table, series, findings(scores, series))
    write_atomically(out / "table.md", read.encode())
    write_grid(out / "grid.png", series, drawn)


def _claim(path: Path, scope: Scope) -> None:
    described = json.loads(json.dumps(asdict(scope)))
    if path.exists() and json.loads(path.read_text()) != described:
        raise EvaluationError(
            f"--people, --seeds: {path.parent} holds pictures of other ones, or of another default "
            "method; remove it to draw anew"
        )
    write_atomically(path, (json.dumps(described) + "\n").encode())


def _read(path: Path, size: tuple[int, int]) -> Pictures:
    with Image.open(path) as image:
        return np.asarray(image).reshape(-1, *size, 3)


def _draw(bench: Bench, scope: Scope, tokens: Sequence[Tensor], strength: Floats) -> Pictures:
    """``[people * prompts * seeds, H, W, 3]`` of one setting."""
    noun = bench.noun.numpy()
    everybody = tokens if strength.any() else tokens[:1]  # the class noun is the same for all
    mixed = [torch.from_numpy(blend(each.numpy(), noun, strength)) for each in everybody]
    by_prompt = [bench.draw(prompt, mixed, scope.seeds) for prompt in scope.prompts]
    size = by_prompt[0].shape[1:]
    together = np.stack(by_prompt).reshape(len(by_prompt), len(mixed), scope.seeds, *size)
    pictures = together.swapaxes(0, 1).reshape(-1, *size)
    return np.tile(pictures, (len(tokens) // len(everybody), 1, 1, 1))


def _scores(bench: Bench, scope: Scope, drawn: Mapping[str, Pictures]) -> pd.DataFrame:
    """One row a picture: ``person, prompt, seed, setting, detect`` and the measures."""
    places = pd.MultiIndex.from_product(
        [scope.people, scope.prompts, range(scope.seeds)], names=["person", "prompt", "seed"]
    ).to_frame(index=False)
    texts = [prompt.format(bench.settings.class_noun) for prompt in places["prompt"]]
    own = np.repeat(np.arange(len(scope.people)), len(scope.prompts) * scope.seeds)
    sources = bench.sources()
    plain = drawn[name_of(np.zeros((scope.stages, 2), np.float32))]
    tables = []
    for name, pictures in drawn.items():
        faces, detected = bench.judge.faces(pictures)
        measured = {
            "id": identity_score(similarity(faces, sources), own),
            "score": bench.judge.prompt_scores(pictures, texts),
            "layout": layout_similarity(pictures, plain),
            "surroundings": surroundings_difference(pictures, plain),
        }
        tables.append(places.assign(setting=name, detect=detected.astype(int), **measured))
    return pd.concat(tables, ignore_index=True)
