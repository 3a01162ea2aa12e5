"""The work: which people are learned, drawn and judged in which order, by several processes."""

import os
import signal
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from multiprocessing import get_context, parent_process
from multiprocessing.queues import SimpleQueue
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from basemodel import load
from basemodel.drawing import Pictures, draw, identity_conditioning, plain_conditioning
from evaluation.denoiser import denoiser
from evaluation.experiments import Experiment
from evaluation.learning import config_key, learn
from evaluation.scores import PLAIN, RawScores
from evaluation.seeds import seed_of
from evaluation.settings import Folder, Settings
from trainer.config import TrainingConfig

TOGETHER = 8
"""People of one task: learned in one batch, which is cheaper than one at a time."""


@dataclass(frozen=True)
class Task:
    """Pictures of some people by one method, or of the class noun, with one seed index each."""

    config: TrainingConfig | None
    people: tuple[int, ...]
    seed: int

    @property
    def key(self) -> str:
        """Folder of the results."""
        return PLAIN if self.config is None else config_key(self.config)


@dataclass(frozen=True)
class WorkerSettings:
    """What a worker needs to know.

    Attributes:
        settings: of the evaluation.
        root: the output folder.
        unet: the U-Net as OpenVINO's file; None: by PyTorch.
        threads: of one worker.
        kept: pictures of people below this number are kept.
    """

    settings: Settings
    root: Path
    unet: Path | None
    threads: int
    kept: int


def plan(
    experiments: Mapping[str, Experiment],
    methods: Mapping[str, TrainingConfig],
    first: int,
    identities: int,
    seeds: int,
) -> list[Task]:
    """All tasks in an order in which a part of them is already useful.

    Every method draws the first people with the first seed before any draws further ones: whenever
    it is stopped, methods can be compared on the same people. People come before seeds, because
    they differ more than seeds do.
    """
    wanted: dict[str, tuple[TrainingConfig, set[tuple[int, int]]]] = {}
    for experiment in experiments.values():
        people = range(first, first + min(identities, experiment.identities))
        pairs = {(p, s) for p in people for s in range(min(seeds, experiment.seeds))}
        for method in experiment.rows.values():
            config = methods[method]
            wanted.setdefault(config_key(config), (config, set()))[1].update(pairs)
    tasks = []
    for seed in range(max((experiment.seeds for experiment in experiments.values()), default=0)):
        if any(s == seed for _, pairs in wanted.values() for _, s in pairs):
            tasks.append(Task(None, (0,), seed))
        for start in range(first, first + identities, TOGETHER):
            for config, pairs in wanted.values():
                block = [p for p in range(start, start + TOGETHER) if (p, seed) in pairs]
                if block:
                    tasks.append(Task(config, tuple(block), seed))
    return tasks


def missing(tasks: Iterable[Task], folder: Folder) -> list[Task]:
    """Tasks without the people whose scores are there."""
    left = []
    for task in tasks:
        people = tuple(p for p in task.people if not folder.scores(task.key, p, task.seed).exists())
        if people:
            left.append(Task(task.config, people, task.seed))
    return left


class Worker:
    """Learns, draws and judges in this process."""

    def __init__(self, told: WorkerSettings) -> None:
        self._settings, self._kept = told.settings, told.kept
        self._folder = Folder(told.root)
        torch.set_num_threads(told.threads)
        quiet()
        self._base = load(told.settings.base_model, device())
        self._judge = told.settings.load_judge()
        self._people = told.settings.people(self._base)
        self._denoise = denoiser(self._base, told.unet, told.threads)

    def run(self, task: Task, advance: Callable[[], None]) -> None:
        """Does a task; every person's scores are written as soon as they are there."""
        settings, base = self._settings, self._base
        if task.config is None:
            told = [plain_conditioning(base, text) for text in settings.plain_texts]
            self._draw_and_judge(task, task.people[0], told)
            advance()
            return
        learned = learn(
            base, task.config, settings.class_noun, self._people, task.people, self._folder
        )
        for person, tokens in zip(task.people, learned, strict=True):
            told = [identity_conditioning(base, p.text, tokens) for p in settings.prompts]
            self._draw_and_judge(task, person, told)
            advance()

    def _draw_and_judge(self, task: Task, person: int, told: list[Tensor]) -> None:
        settings = self._settings
        seeds = [seed_of(prompt.text, task.seed) for prompt in settings.prompts]
        pictures = draw(self._base, self._denoise, told, seeds, settings.sampling)
        if task.seed == 0 and person < settings.first + self._kept:
            write_strip(self._folder.pictures(task.key, person), pictures)
        scores = RawScores.of(self._judge, pictures, settings.plain_texts)
        scores.save(self._folder.scores(task.key, person, task.seed))


def quiet() -> None:
    """Silences what the libraries say while a base model loads; a progress bar has the terminal."""
    from diffusers.utils import logging as diffusers_logging
    from transformers.utils import logging as transformers_logging

    diffusers_logging.set_verbosity_error()
    transformers_logging.set_verbosity_error()  # type: ignore[no-untyped-call]
    transformers_logging.disable_progress_bar()  # type: ignore[no-untyped-call]


def device() -> str:
    """Where the base model lies."""
    return "cuda" if torch.cuda.is_available() else "cpu"


def write_strip(path: Path, pictures: Pictures) -> None:
    """Pictures ``[N, H, W, 3]`` below one another in a PNG."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f"{path.name}.{os.getpid()}.partial")
    Image.fromarray(np.concatenate(list(pictures))).save(partial, format="PNG")
    partial.replace(path)


def work(
    tasks: Sequence[Task], told: WorkerSettings, workers: int, advance: Callable[[], None]
) -> None:
    """Does all tasks, by so many processes; ``advance`` is called for each person and seed.

    After an error or an interrupt workers go on with the task they are at, until this process ends.
    """
    context = get_context("spawn")
    done: SimpleQueue[bool] = context.SimpleQueue()
    listener = threading.Thread(target=_listen, args=(done, advance), daemon=True)
    listener.start()
    # Each worker has a thread or a few of its own: a second pool of them would fight for the cores.
    os.environ["OMP_NUM_THREADS"] = str(told.threads)
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    pool = ProcessPoolExecutor(workers, context, initializer=_start, initargs=(told, done))
    try:
        for future in as_completed([pool.submit(_run, task) for task in tasks]):
            future.result()
    except BaseException:
        pool.shutdown(wait=False, cancel_futures=True)
        raise
    pool.shutdown()
    done.put(False)
    listener.join()


def _listen(done: "SimpleQueue[bool]", advance: Callable[[], None]) -> None:
    while done.get():
        advance()


_worker: Worker
_done: "SimpleQueue[bool]"


def _start(told: WorkerSettings, done: "SimpleQueue[bool]") -> None:
    global _worker, _done
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent tells when to stop
    threading.Thread(target=_exit_with_parent, daemon=True).start()
    _worker, _done = Worker(told), done


def _exit_with_parent() -> None:
    parent = parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def _run(task: Task) -> None:
    _worker.run(task, lambda: _done.put(True))
