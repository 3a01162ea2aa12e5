"""``python -m evaluation.search``: settings are chosen on validation people, never on test people.

Both ends of the comparison get the same number of configurations from the same ranges, drawn at
random (Bergstra and Bengio, 2012), the shipped settings first. Every one that was tried is kept in
``search.csv``, the best by ID(P) first.
"""

import argparse
import itertools
import json
import sys
from collections.abc import Mapping
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from evaluation.command import add_arguments, run_command, settings_of
from evaluation.errors import EvaluationError
from evaluation.experiments import Experiment
from evaluation.methods import METHODS
from evaluation.suite import Suite
from trainer.config import TrainingConfig
from trainer.process import write_atomically

VALIDATION = 100
"""Number of the first validation person; test people are those from 0 on."""

_SHARED: Mapping[str, tuple[Any, ...]] = {
    "learning_rate": (0.0025, 0.005, 0.01, 0.02),
    "average_from": (0.25, 0.5, 0.75),
}
SPACES: Mapping[str, Mapping[str, tuple[Any, ...]]] = {
    "textual-inversion": _SHARED,
    "5kv-all": {
        **_SHARED,
        "offset_learning_rate": (0.001, 0.003),
        "offset_bound": (0.5, 1.0),
        "attention_weight": (1.0, 3.0, 10.0),
    },
}
"""By method, the values of each field."""


def candidates(method: str, trials: int, seed: int) -> list[TrainingConfig]:
    """The method as it is, and different draws from its space.

    Raises:
        EvaluationError: the space has not so many; another method would get more trials.
    """
    shipped, space = METHODS[method], SPACES[method]
    others = [
        config
        for values in itertools.product(*space.values())
        if (config := replace(shipped, **dict(zip(space, values, strict=True)))) != shipped
    ]
    if trials > len(others) + 1:
        raise EvaluationError(f"--trials: at most {len(others) + 1}, got {trials}")
    order = np.random.default_rng(seed).permutation(len(others))
    return [shipped, *(others[number] for number in order[: trials - 1])]


def changes(method: str, config: TrainingConfig) -> dict[str, Any]:
    """Fields in which a config is not the method's."""
    shipped = METHODS[method]
    names = [field.name for field in fields(config)]
    return {n: getattr(config, n) for n in names if getattr(config, n) != getattr(shipped, n)}


def main() -> int:
    """Runs the search of the command line."""
    arguments = _parser().parse_args()
    methods: dict[str, TrainingConfig] = {}

    def prepare() -> Suite:
        for method in SPACES:
            tried = candidates(method, arguments.trials, arguments.seed)
            methods.update({f"{method} {number}": config for number, config in enumerate(tried)})
        experiments = {
            method: Experiment(
                f"Search: {method}",
                {name: name for name in methods if name.startswith(f"{method} ")},
                seeds=arguments.seeds,
            )
            for method in SPACES
        }
        settings = settings_of(arguments, VALIDATION)
        some = settings.prompts[:: arguments.every]
        return Suite(
            settings=replace(settings, prompts=some),
            methods=methods,
            experiments=experiments,
            chosen=tuple(experiments),
            identities=arguments.identities,
            seeds=arguments.seeds,
            workers=arguments.workers,
            threads=1,
            kept=0,
        )

    figures = run_command(prepare, arguments.out)
    if figures is None:
        return 1
    tried = ranking(figures, methods)
    write_atomically(arguments.out / "search.csv", tried.to_csv(index=False).encode())
    print(tried.to_string(index=False))
    return 0


def ranking(figures: Mapping[str, Any], methods: Mapping[str, TrainingConfig]) -> pd.DataFrame:
    """All configurations with their figures, by method, the best ID(P) first."""
    rows = [
        {
            "method": method,
            **{name: mean for name, (mean, _, _) in row["figures"].items()},
            "changes": json.dumps(changes(method, methods[row["method"]])),
        }
        for method, experiment in figures["experiments"].items()
        for row in experiment["rows"]
    ]
    return pd.DataFrame(rows).sort_values(["method", "ID(P)"], ascending=[True, False])


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m evaluation.search", description=__doc__)
    add = parser.add_argument
    add("--out", type=Path, default=Path("out/search"), help="folder of the results")
    add("--trials", type=int, default=8, help="configurations of each method")
    add("--seed", type=int, default=0, help="of their draw")
    add("--identities", type=int, default=8, help="validation people")
    add("--seeds", type=int, default=1, help="pictures of a prompt")
    add("--every", type=int, default=3, help="one in so many prompts is drawn")
    add_arguments(parser)
    return parser


if __name__ == "__main__":
    sys.exit(main())
