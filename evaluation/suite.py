"""A whole evaluation: checks what is asked for, does what is missing, writes tables and plots."""

import io
import json
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch

from basemodel import BaseModel, load
from evaluation.denoiser import denoiser, openvino_serves, write_openvino
from evaluation.errors import EvaluationError
from evaluation.experiments import Experiment
from evaluation.judges import Floats, Judge
from evaluation.learning import config_key, parameters
from evaluation.metrics import face_threshold, identity_score, nearest_is_own, similarity
from evaluation.pairs import run_pairs
from evaluation.people import People, gallery
from evaluation.plots import write_plots
from evaluation.scores import collect
from evaluation.settings import Folder, Settings
from evaluation.tables import tables, write_tables
from evaluation.timing import TIMED_PEOPLE, measure
from evaluation.workers import WorkerSettings, device, missing, plan, quiet, work, write_strip
from identity import PromptError
from trainer.config import TrainingConfig
from trainer.process import write_atomically
from trainer.tokens import class_noun_token


@dataclass(frozen=True)
class Suite:
    """What is to be done.

    Attributes:
        settings: what scores depend on.
        methods: training configs by name.
        experiments: all that can be asked for.
        chosen: names of those that are.
        identities, seeds: people and pictures of each prompt; experiments may take fewer.
        workers: processes.
        threads: of each of them.
        kept: people whose pictures are kept.
        timed: methods whose seconds per identity are measured, when all else is done.
        draw: whether missing pictures are drawn; if not, only tables are made of what is there.
        pairs: whether two people in one picture are measured (:mod:`evaluation.pairs`).
    """

    settings: Settings
    methods: Mapping[str, TrainingConfig]
    experiments: Mapping[str, Experiment]
    chosen: tuple[str, ...]
    identities: int
    seeds: int
    workers: int
    threads: int
    kept: int
    timed: tuple[str, ...] = ()
    pairs: bool = False
    draw: bool = True


Progress = Callable[[int, int], None]
"""Told how many of how many sets of pictures (a person, a method, a seed) are there."""


def run(suite: Suite, out: Path, progress: Progress) -> dict[str, Any]:
    """Does what is missing in ``out``; returns the tables.

    Raises:
        EvaluationError: it can't be run as asked, or ``out`` holds results of other settings.
        BaseModelError: the base model can't be used.
        InputError: class noun or training settings that the base model can't take.
    """
    folder, settings = Folder(out), suite.settings
    quiet()
    base = load(settings.base_model, device())
    judge, people = settings.load_judge(), settings.people(base)
    _check(suite, base, people)
    claimed = settings.to_json(base, judge, people)
    folder.claim(claimed)
    out.mkdir(parents=True, exist_ok=True)
    sources = _gallery(folder, judge, people, settings.first)
    asked: dict[str, Any] = {
        "experiments": {},
        "identities": suite.identities,
        "seeds": suite.seeds,
    }
    kept = folder.suite if folder.exists() else asked
    largest = {
        each: max(kept[each], asked[each]) if suite.draw else kept[each]
        for each in ("identities", "seeds")
    }
    shown = {*suite.chosen, *kept["experiments"]}
    numbers = range(settings.first, settings.first + largest["identities"])
    described = {
        "settings": claimed,
        **largest,
        "image_size": list(base.image_size),
        "gallery": len(sources),
        "face_threshold": face_threshold(sources),
        "ceiling": _ceiling(numbers, judge, people, sources),
        **_describe(suite, shown, base.token_width),
    }
    write_atomically(out / "suite.json", (json.dumps(described, indent=1) + "\n").encode())
    for person in numbers:
        write_strip(folder.source(person), people.source(person)[None])
    if suite.draw:
        _draw(suite, base, judge, people, folder, progress)
    return write_results(Folder(out), sources)


def _gallery(folder: Folder, judge: Judge, people: People, first: int) -> Floats:
    """``[G, E]`` faces of the gallery, kept in ``gallery.npy``."""
    path = folder.root / "gallery.npy"
    if not path.exists() or not folder.exists():  # without suite.json nobody knows whose they are
        buffer = io.BytesIO()
        np.save(buffer, judge.faces(gallery(people, first))[0])
        write_atomically(path, buffer.getvalue())
    faces: Floats = np.load(path)
    if len(lost := np.flatnonzero(~faces.any(axis=1))):
        numbers = ", ".join(str(first + number) for number in lost)
        raise EvaluationError(
            f"--sources: no face is found in image {numbers} (from 0, by name); take it out"
        )
    return faces


def _draw(
    suite: Suite, base: BaseModel, judge: Judge, people: People, folder: Folder, progress: Progress
) -> None:
    """Draws and judges what is missing, then measures pairs and times."""
    settings, out = suite.settings, folder.root
    unet = write_openvino(base, out / "engine") if openvino_serves(base) else None
    told = WorkerSettings(settings, out, unet, suite.threads, suite.kept)
    chosen = {name: suite.experiments[name] for name in suite.chosen}
    tasks = plan(chosen, suite.methods, settings.first, suite.identities, suite.seeds)
    left = missing(tasks, folder)
    total, open_ = (sum(len(task.people) for task in some) for some in (tasks, left))
    done = total - open_
    progress(done, total)

    def advance() -> None:
        nonlocal done
        done += 1
        progress(done, total)

    if left:
        work(left, told, min(suite.workers, len(left)), advance)
    numbers = range(settings.first, settings.first + suite.identities)
    torch.set_num_threads(suite.workers * suite.threads)
    denoise = denoiser(base, unet, suite.workers * suite.threads)
    if suite.pairs:
        run_pairs(base, denoise, judge, settings, people, numbers, folder)
    for method in suite.timed:
        config = suite.methods[method]
        measured = partial(measure, base, denoise, judge, settings, people, config)
        _keep_timing(folder, method, config, measured, numbers[:TIMED_PEOPLE])


def write_results(folder: Folder, sources: Floats) -> dict[str, Any]:
    """``scores.csv``, tables and plots of all that is there; returns the tables."""
    suite = folder.suite
    pictures = collect(folder, suite["methods"], sources, suite["face_threshold"])
    write_atomically(folder.root / "scores.csv", pictures.to_csv(index=False).encode())
    figures = tables(pictures, suite, folder.timing())
    write_tables(figures, folder.root)
    write_plots(figures, folder.root / "plots")
    return figures


def _keep_timing(
    folder: Folder,
    method: str,
    config: TrainingConfig,
    measured: Callable[[Sequence[int]], Mapping[str, Any]],
    numbers: Sequence[int],
) -> None:
    """Adds a method to ``timing.json`` if it isn't there."""
    timing = folder.timing()
    key = config_key(config)
    if timing.get(method, {}).get("key") != key:
        timing[method] = {"key": key, **measured(numbers)}
        path = folder.root / "timing.json"
        write_atomically(path, (json.dumps(timing, indent=1) + "\n").encode())


def _check(suite: Suite, base: BaseModel, people: People) -> None:
    """What can be known before anything is learned or drawn."""
    settings = suite.settings
    class_noun_token(base, settings.class_noun)
    for prompt in settings.prompts:
        try:
            base.tokenizer(prompt.text.format("<subject>"), ["subject"])
        except PromptError as error:
            raise EvaluationError(f"--prompts: {prompt.text!r}: {error}") from error
    last = settings.first + suite.identities
    if people.count is not None and last > people.count:
        raise EvaluationError(
            f"--identities: people {settings.first} to {last - 1} are asked for, "
            f"but there are {people.count} images"
        )
    if people.count is not None and people.count - settings.first < 2:
        raise EvaluationError(
            "--sources: at least 2 images are needed from --first on, to tell people apart"
        )
    most = max(experiment.identities for experiment in suite.experiments.values())
    if suite.identities > most:
        raise EvaluationError(f"--identities: at most {most}, got {suite.identities}")


def _describe(suite: Suite, shown: Collection[str], width: int) -> dict[str, Any]:
    """Methods and experiments; names of one config are brought down to the first of them."""
    names: dict[str, str] = {}
    methods: dict[str, Any] = {}
    described: dict[str, Any] = {}
    for name, experiment in suite.experiments.items():
        if name not in shown:
            continue
        rows = {}
        for label, method in experiment.rows.items():
            config = suite.methods[method]
            key = config_key(config)
            rows[label] = names.setdefault(key, method)
            trained, added = parameters(config, width)
            methods.setdefault(
                rows[label],
                {"key": key, "config": config.to_json(), "trained": trained, "added": added},
            )
        described[name] = {
            "title": experiment.title,
            "rows": rows,
            "identities": experiment.identities,
            "seeds": experiment.seeds,
        }
    return {"methods": methods, "experiments": described}


def _ceiling(
    numbers: Sequence[int], judge: Judge, people: People, sources: Floats
) -> dict[str, float] | None:
    """How like the source image two more real pictures of the same people are."""
    fresh = [people.fresh(person) for person in numbers]
    known = [pictures for pictures in fresh if pictures is not None]
    if len(known) < len(fresh):
        return None
    faces, detected = judge.faces(np.concatenate(known))
    own = np.arange(len(known)).repeat(len(known[0]))
    cosines = similarity(faces, sources)
    return {
        "id": float(identity_score(cosines, own).mean()),
        "nearest_256": float(nearest_is_own(cosines, own).mean()),
        "detect": float(detected.mean()),
    }
