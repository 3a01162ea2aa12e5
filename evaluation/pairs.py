"""Two people in one picture, each learned from one image: does each keep its face (paper IV-E)?

``python -m evaluation --experiments pairs`` adds to an evaluation's folder::

    OUT/pairs/
      pictures/<digest>.png  one prompt, an RGB strip [pairs * seeds * H, W]; the name holds all
                             that was drawn, so it goes on wherever it was stopped
      scores.csv             one row a picture: see :func:`judge_pairs`
      table.json             figures with 95 % intervals over pairs; table.md: to read
      grid.png               first pairs: both sources, then a picture of each prompt
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from itertools import permutations
from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image
from torch import Tensor

from basemodel import BaseModel
from basemodel.drawing import Denoiser, Pictures
from evaluation.errors import EvaluationError
from evaluation.judges import EmbeddedJudge, Floats, Judge
from evaluation.learning import learn
from evaluation.methods import DEFAULT
from evaluation.pair_drawing import Pair, PairDrawing
from evaluation.pair_table import write_table
from evaluation.people import People
from evaluation.settings import Folder, Settings
from evaluation.workers import TOGETHER, write_strip

PAIRS = 28
SEEDS = 2

_SHOWN = 6  # pairs of the grid
_FLAGS = ("met", "two", "both", "swap", "merge")


def random_pairs(people: Sequence[int], count: int) -> list[Pair]:
    """So many ordered pairs of different people, or all there are; the same for the same people.

    Raises:
        EvaluationError: a single person makes no pair.
    """
    every = list(permutations(people, 2))
    if not every:
        raise EvaluationError("--identities: pairs need at least 2")
    chosen = np.random.default_rng(0).permutation(len(every))[:count]
    return [every[index] for index in chosen]


def run_pairs(
    base: BaseModel,
    denoise: Denoiser,
    judge: Judge,
    settings: Settings,
    people: People,
    numbers: Sequence[int],
    folder: Folder,
) -> None:
    """Random pairs of the people, as the default method learns them: the whole experiment.

    Raises:
        EvaluationError: there is a single person, or the judge can't tell two faces apart.
    """
    from faceworld import PAIR_PROMPTS

    if not isinstance(judge, EmbeddedJudge):
        raise EvaluationError("--experiments: pairs needs the embedded judge, for left and right")
    pairs = random_pairs(numbers, PAIRS)
    wanted = sorted({person for pair in pairs for person in pair})
    tokens: dict[int, Tensor] = {}
    for start in range(0, len(wanted), TOGETHER):
        some = wanted[start : start + TOGETHER]
        learned = learn(base, DEFAULT, settings.class_noun, people, some, folder)
        tokens |= zip(some, learned, strict=True)
    drawing = PairDrawing(base, denoise, settings.sampling, tokens, settings.class_noun)
    sources = {person: people.source(person) for person in wanted}
    measure_pairs(drawing, judge, PAIR_PROMPTS, pairs, sources, folder.root / "pairs")


def measure_pairs(
    drawing: PairDrawing,
    judge: EmbeddedJudge,
    prompts: Sequence[str],
    pairs: Sequence[Pair],
    sources: Mapping[int, Pictures],
    out: Path,
) -> None:
    """Draws what is missing in ``out``, judges all pictures, and writes figures and grid.

    Args:
        drawing: draws them.
        judge: tells the left face from the right one.
        prompts: with two ``{}``.
        pairs: who is at the left and at the right.
        sources: the one image ``[H, W, 3]`` of each person.
        out: a folder.
    """
    faces = judge.faces(np.stack(list(sources.values())))[0]
    known = dict(zip(sources, faces, strict=True))
    tables, shown = [], []
    for prompt in prompts:
        pictures = _kept(drawing, prompt, pairs, out / "pictures")
        tables.append(judge_pairs(judge, pictures, prompt, pairs, known, drawing.noun))
        shown.append(pictures[::SEEDS][:_SHOWN])
    scores = pd.concat(tables, ignore_index=True)
    scores.to_csv(out / "scores.csv", index=False, float_format="%.5f")
    write_table(scores, out)
    _write_grid(out / "grid.png", pairs, sources, np.stack(shown, axis=1))


def judge_pairs(
    judge: EmbeddedJudge,
    pictures: Pictures,
    prompt: str,
    pairs: Sequence[Pair],
    sources: Mapping[int, Floats],
    noun: str,
) -> pd.DataFrame:
    """One row a picture of ``[pairs * seeds, H, W, 3]``.

    Columns:
        left, right, prompt, seed: what it shows.
        score, met: cosine of picture and text (Prompt), and whether it reaches the threshold.
        two: whether a face is found on both sides.
        left_own, left_other, right_own, right_other: cosine of the face at that side with the
            source image of who should be there, and of who should be at the other side.
        both: each face is nearer to its own source; swap: each to the other's; merge: both to one
            person's. Which is where doesn't count in ``both + swap``.
    """
    seeds = len(pictures) // len(pairs)
    texts = [prompt.format(noun, noun)] * len(pictures)
    faces, detected = judge.pair_faces(pictures)
    own = np.stack([[sources[left], sources[right]] for left, right in pairs]).repeat(seeds, axis=0)
    to_own, to_other = (np.einsum("nse,nse->sn", faces, each) for each in (own, own[:, ::-1]))
    nearer = to_own > to_other
    scores = judge.prompt_scores(pictures, texts)
    columns = {
        "left": np.repeat([left for left, _ in pairs], seeds),
        "right": np.repeat([right for _, right in pairs], seeds),
        "prompt": prompt,
        "seed": np.tile(np.arange(seeds), len(pairs)),
        "score": scores,
        "met": scores >= judge.prompt_threshold(texts[0]),
        "two": detected.all(axis=1),
        "left_own": to_own[0],
        "left_other": to_other[0],
        "right_own": to_own[1],
        "right_other": to_other[1],
        "both": nearer.all(axis=0),
        "swap": ~nearer.any(axis=0),
        "merge": nearer[0] != nearer[1],
    }
    table = pd.DataFrame(columns)
    return table.astype(dict.fromkeys(_FLAGS, int))


def _kept(drawing: PairDrawing, prompt: str, pairs: Sequence[Pair], folder: Path) -> Pictures:
    """The pictures of a prompt from their file, drawn if it isn't there."""
    total = hashlib.sha256(json.dumps([prompt, list(pairs), SEEDS]).encode())
    for person in sorted(drawing.tokens):
        total.update(drawing.tokens[person].numpy().tobytes())
    path = folder / f"{total.hexdigest()[:16]}.png"
    if not path.exists():
        write_strip(path, drawing.draw(prompt, pairs, SEEDS))
    with Image.open(path) as image:
        pixels = np.asarray(image)
    return pixels.reshape(len(pairs) * SEEDS, -1, *pixels.shape[1:])


def _write_grid(
    path: Path, pairs: Sequence[Pair], sources: Mapping[int, Pictures], shown: Pictures
) -> None:
    """``shown``: ``[pairs, prompts, H, W, 3]``."""
    rows = [
        np.concatenate([sources[left], sources[right], *pictures], axis=1)
        for (left, right), pictures in zip(pairs, shown, strict=False)
    ]
    write_strip(path, np.stack(rows))
