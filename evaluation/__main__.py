"""``python -m evaluation``: learns held-out people from one image each, draws and judges them.

Stopped at any moment, it goes on where it was when called again with the same ``--out``.
"""

import argparse
import dataclasses
import json
import sys
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from evaluation.run import evaluate
from evaluation.sampling import SamplingSettings
from evaluation.settings import SEED_SETS, EvaluationSettings, OtherEvaluationError
from faceworld.captions import EVALUATION_PROMPTS
from trainer.config import PRESETS


def main() -> int:
    """Runs the evaluation of the command line."""
    arguments = _parser().parse_args()
    settings = EvaluationSettings(
        base_model=arguments.base_model,
        first=arguments.first,
        identities=arguments.identities,
        together=arguments.together,
        prompts=tuple(arguments.prompts),
        sampling=SamplingSettings(arguments.steps, arguments.guidance),
        training=dataclasses.replace(PRESETS[arguments.preset], **arguments.training),
    )
    console = Console(stderr=True)
    sets = min(SEED_SETS, settings.identities)
    with Progress(console=console) as progress:
        bars = {
            "learned": progress.add_task("people learned", total=settings.identities),
            "drawn": progress.add_task("people drawn", total=settings.identities + sets),
        }
        try:
            summary = evaluate(
                settings, arguments.out, lambda what, count: progress.advance(bars[what], count)
            )
        except OtherEvaluationError as error:
            console.print(str(error))
            return 1
    Console().print(_table(summary))
    return 0


def _table(summary: dict[str, Any]) -> Table:
    titles = ("face prompt", "all prompts")
    table = Table("", *titles)
    for name in summary[titles[0]]:
        table.add_row(name, *(f"{summary[title][name]:g}" for title in titles))
    return table


def _training(text: str) -> dict[str, Any]:
    values = json.loads(text)
    if isinstance(values.get("prompts"), list):
        values["prompts"] = tuple(values["prompts"])
    return dict(values)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m evaluation", description=__doc__)
    add = parser.add_argument
    add("--out", type=Path, required=True, help="directory of the results")
    add("--base-model", default="faceworld/checkpoint", help="checkpoint with judges in it")
    add("--identities", type=int, default=32, help="number of people")
    add("--first", type=int, default=0, help="first held-out person; tune on 100 and above")
    add("--together", type=int, default=8, help="people learned in one batch")
    add("--prompts", nargs="+", default=EVALUATION_PROMPTS, help="texts, {} is the person")
    add("--steps", type=int, default=20, help="DDIM steps")
    add("--guidance", type=float, default=7.5, help="classifier-free guidance scale")
    add("--preset", default="default", choices=sorted(PRESETS), help="training settings")
    add("--training", type=_training, default={}, help="JSON: fields that differ from the preset")
    return parser


if __name__ == "__main__":
    sys.exit(main())
