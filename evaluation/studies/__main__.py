"""``python -m evaluation.studies``: looks inside the default method, on an evaluation's people.

Stopped at any moment, it goes on where it was when called again with the same ``--out``.
"""

import argparse
import sys
from collections.abc import Callable
from pathlib import Path

import torch
from rich.console import Console
from rich.progress import Progress

from basemodel import BaseModelError
from evaluation.command import add_arguments, settings_of
from evaluation.errors import EvaluationError
from evaluation.settings import Folder
from evaluation.studies import attention, curves, stages
from evaluation.studies.bench import Bench, open_bench
from trainer.errors import InputError

STUDIES = {"attention": attention.study, "curves": curves.study, "stages": stages.study}


def main() -> int:
    """Runs the studies of the command line."""
    arguments = _parser().parse_args()
    console = Console(stderr=True, soft_wrap=True)
    torch.set_num_threads(arguments.workers)
    try:
        bench = _bench(arguments)
        with Progress(console=console) as progress:
            for name in arguments.only:
                STUDIES[name](bench, _on_bar(progress, name))
    except (EvaluationError, BaseModelError, InputError) as error:
        console.print(f"evaluation.studies: {error}", markup=False, highlight=False)
        return 1
    return 0


def _on_bar(progress: Progress, name: str) -> Callable[[int, int], None]:
    """A bar of its own, told how many of how many are done."""
    bar = progress.add_task(name, total=None)
    return lambda done, total: progress.update(bar, completed=done, total=total)


def _bench(arguments: argparse.Namespace) -> Bench:
    folder = Folder(arguments.out)
    if not (arguments.out / "suite.json").is_file():
        raise EvaluationError(f"--out: no suite.json in {arguments.out}; run the evaluation first")
    settings = settings_of(arguments, folder.suite["settings"]["first"])
    people = min(arguments.people, folder.suite["identities"])
    return open_bench(settings, folder, people, arguments.seeds, arguments.workers)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m evaluation.studies", description=__doc__)
    add = parser.add_argument
    add("--out", type=Path, required=True, help="folder of an evaluation")
    add("--only", nargs="+", choices=sorted(STUDIES), default=sorted(STUDIES), help="studies")
    add("--people", type=int, default=16, help="the evaluation's first people")
    add("--seeds", type=int, default=2, help="pictures of a prompt in each setting of the stages")
    add_arguments(parser)
    return parser


if __name__ == "__main__":
    sys.exit(main())
