"""Losses, token norm and scores over the steps of a training."""

from collections.abc import Callable, Sequence

import numpy as np
import pandas as pd

from evaluation.learning import config_key
from evaluation.metrics import identity_score, similarity
from evaluation.studies.bench import Advance, Bench
from evaluation.studies.tables import means
from evaluation.workers import TOGETHER
from trainer.config import TrainingConfig
from trainer.loop import Training
from trainer.process import write_atomically
from trainer.views import make_views

_METHODS = ("5kv-all", "textual-inversion")
_PROMPTS = ("a photo of the face of {}", "a photo of {} at the beach")
_MARKS = 10  # evenly spaced steps at which pictures are drawn


def study(bench: Bench, advance: Advance) -> None:
    """Learns the first people together and looks at them on the way; ``curves/<key>.csv``.

    A row: ``step``; number of ``people``; ``denoising`` and ``attention`` losses, means over the
    steps since the last row; ``norm`` of the tokens against the word they started from; ``id`` and
    ``score`` (Prompt) with ``_low`` and ``_high`` ends of their 95 % intervals over people. What is
    drawn is what would be kept if the training ended there.
    """
    total = len(_METHODS) * (_MARKS + 1)
    for place, name in enumerate(_METHODS):
        before = place * (_MARKS + 1)
        path = bench.folder.root / "curves" / f"{config_key(bench.methods[name])}.csv"
        if not path.exists() or pd.read_csv(path)["people"][0] != len(_people(bench)):
            curve = _curve(bench, bench.methods[name], lambda rows: advance(before + rows, total))  # noqa: B023
            path.parent.mkdir(exist_ok=True)
            write_atomically(path, curve.to_csv(index=False, float_format="%.6g").encode())
        advance(before + _MARKS + 1, total)


def _curve(bench: Bench, config: TrainingConfig, told: Callable[[int], None]) -> pd.DataFrame:
    numbers = _people(bench)
    views = [make_views(bench.base, [bench.people.source(n)], config, n) for n in numbers]
    training = Training.of(bench.base, config, bench.settings.class_noun, views, list(numbers))
    marks = np.linspace(0, config.steps, _MARKS + 1).round().astype(int)
    rows = []
    for mark in marks:
        steps = [training.take_step() for _ in range(mark - training.learners[0].step)]
        row = {
            "step": mark,
            "people": len(numbers),
            "denoising": _mean([each.denoising for step in steps for each in step]),
            "attention": _mean([each.attention for step in steps for each in step]),
            "norm": _norm(training),
        }
        rows.append(row | _scores(bench, training))
        told(len(rows))
    return pd.DataFrame(rows)


def _people(bench: Bench) -> Sequence[int]:
    return bench.numbers[:TOGETHER]


def _norm(training: Training) -> float:
    """Of the vectors, in lengths of the initial word; mean over identities."""
    tokens = [learner.tokens for learner in training.learners]
    grown = [float(each().detach().norm(dim=-1).mean()) / each.initial_norm for each in tokens]
    return float(np.mean(grown))


def _mean(losses: Sequence[float]) -> float:
    return float(np.mean(losses)) if losses else float("nan")


def _scores(bench: Bench, training: Training) -> dict[str, float | None]:
    tokens = list(training.result())
    own = np.arange(len(tokens))
    sources = bench.sources()
    measured = []
    for prompt in _PROMPTS:
        pictures = bench.draw(prompt, tokens, 1)
        cosines = similarity(bench.judge.faces(pictures)[0], sources)
        texts = [prompt.format(bench.settings.class_noun)] * len(tokens)
        scores = bench.judge.prompt_scores(pictures, texts)
        measured.append(
            pd.DataFrame({"person": own, "id": identity_score(cosines, own), "score": scores})
        )
    return means(pd.concat(measured).groupby("person").mean())
