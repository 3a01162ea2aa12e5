"""What ``python -m evaluation`` and ``python -m evaluation.search`` have in common."""

import argparse
import os
import sys
import time
from collections.abc import Callable
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path
from typing import Any

import torch
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from basemodel import BaseModelError
from basemodel.drawing import SamplingSettings
from evaluation.errors import EvaluationError
from evaluation.settings import Prompt, RealJudge, Settings, prompts_of, read_prompts
from evaluation.suite import Suite, run
from identity import ArtifactError
from trainer.errors import InputError
from trainer.process import LockedError, lock

_TELL_SECONDS = 60.0  # where there is no terminal for a bar


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Base model, people, judges, sampling, and how much work at once."""
    add = parser.add_argument
    add("--base-model", default="faceworld/checkpoint", help="diffusers directory or hub id")
    add(
        "--class-noun", default="person", help="what they are: person, dog, car; with --sources any"
    )
    add("--workers", type=_count, default=_cores(), help="processes of one thread each")
    add("--pictures", type=int, default=8, help="people whose pictures are kept")
    add("--steps", type=_count, default=20, help="of the sampler")
    add("--scheduler", choices=("ddim", "dpm"), default="ddim", help="DDIM or DPM-Solver++")
    add("--guidance", type=float, default=7.5, help="classifier-free guidance scale")
    real = parser.add_argument_group("real weights", "instead of the embedded checkpoint's world")
    add = real.add_argument
    add("--prompts", type=Path, help="JSON file {level: [text]}; {} is the subject")
    add("--sources", type=Path, help="folder of images, one person each")
    add("--clip", help="CLIPModel, a directory or hub id: judges prompts")
    add("--face-model", type=Path, help="ArcFace as ONNX (112x112): judges faces")
    add("--face-detector", type=Path, help="YuNet as ONNX: finds and aligns faces")
    add("--prompt-threshold", type=float, default=0.23, help="CLIP score of a prompt that is met")


def settings_of(arguments: argparse.Namespace, first: int) -> Settings:
    """Raises :class:`EvaluationError`."""
    judge = None
    if (arguments.clip is None) != (arguments.face_model is None):
        raise EvaluationError("--clip and --face-model: give both or none")
    if arguments.clip is not None:
        judge = RealJudge(
            arguments.clip,
            _file(arguments.face_model, "--face-model"),
            arguments.face_detector and _file(arguments.face_detector, "--face-detector"),
            arguments.prompt_threshold,
        )
    if arguments.sources is not None and not arguments.sources.is_dir():
        raise EvaluationError(f"--sources: {arguments.sources} is no folder")
    return Settings(
        base_model=arguments.base_model,
        class_noun=arguments.class_noun,
        first=first,
        prompts=_prompts(arguments.prompts, arguments.class_noun),
        sampling=SamplingSettings(arguments.steps, arguments.guidance, arguments.scheduler),
        sources=arguments.sources,
        judge=judge,
    )


def _prompts(path: Path | None, class_noun: str) -> tuple[Prompt, ...]:
    if path is not None:
        return read_prompts(path)
    from faceworld import PROMPTS

    return prompts_of(PROMPTS.get(class_noun, PROMPTS["person"]))


def run_command(prepare: Callable[[], Suite], out: Path) -> dict[str, Any] | None:
    """Runs a suite with a progress bar; None after a fault, which is told in one line.

    Two that draw never work in one folder; tables can be made at any time.
    """
    console = Console(stderr=True, soft_wrap=True)
    try:
        suite = prepare()
        if suite.draw:
            lock(out)
        with _Bar(console) as bar:
            return run(suite, out, bar.show)
    except (EvaluationError, BaseModelError, InputError, ArtifactError) as error:
        console.print(f"evaluation: {error}", markup=False, highlight=False)
    except BrokenProcessPool:
        console.print(
            "evaluation: a worker died, out of memory? The same command goes on from here"
        )
    except LockedError:
        console.print(f"evaluation: --out: another evaluation works in {out}", markup=False)
    except KeyboardInterrupt:
        console.print("evaluation: stopped; the same command goes on from here")
        os._exit(130)  # workers end with this process, at once
    return None


class _Bar(Progress):
    """A progress bar; without a terminal, a line a minute."""

    def __init__(self, console: Console) -> None:
        super().__init__(
            TextColumn("sets of pictures"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeRemainingColumn(),
            console=console,
            speed_estimate_period=600,
        )
        self._task = self.add_task("", total=None)
        self._told = time.monotonic()

    def show(self, done: int, total: int) -> None:
        """Moves the bar."""
        self.update(self._task, completed=done, total=total)
        now = time.monotonic()
        if not self.console.is_terminal and now >= self._told + _TELL_SECONDS:
            self._told = now
            left = self.tasks[0].time_remaining
            after = "" if left is None else f", {left / 60:.0f} min left"
            print(f"{done} of {total} sets of pictures{after}", file=sys.stderr, flush=True)


def _cores() -> int:
    return 1 if torch.cuda.is_available() else len(os.sched_getaffinity(0))


def _count(text: str) -> int:
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError("must be at least 1")
    return value


def _file(path: Path, option: str) -> Path:
    if not path.is_file():
        raise EvaluationError(f"{option}: no file {path}")
    return path
