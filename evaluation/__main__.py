"""``python -m evaluation``: learns people from one image each, draws and judges them.

Stopped at any moment, it goes on when called again with the same ``--out``; more people, seeds and
experiments can be added to what is there.
"""

import argparse
import sys
from pathlib import Path

from evaluation.command import add_arguments, run_command, settings_of
from evaluation.errors import EvaluationError
from evaluation.experiments import EXPERIMENTS
from evaluation.methods import METHODS
from evaluation.suite import Suite

PAIRS, TIMING = "pairs", "timing"
EVERY = (*EXPERIMENTS, PAIRS, TIMING)


def main() -> int:
    """Runs the evaluation of the command line."""
    arguments = _parser().parse_args()
    figures = run_command(lambda: _suite(arguments), arguments.out)
    if figures is None:
        return 1
    for table in ("tables.md", "pairs/table.md"):
        if (arguments.out / table).exists():
            print((arguments.out / table).read_text())
    return 0


def _suite(arguments: argparse.Namespace) -> Suite:
    # Only the embedded judge tells the left face from the right one, and only of people.
    paired = arguments.clip is None and arguments.class_noun == "person"
    known = tuple(name for name in EVERY if name != PAIRS or paired)
    names = known if arguments.experiments is None else tuple(arguments.experiments.split(","))
    for name in names:
        if name not in known:
            raise EvaluationError(
                f"--experiments: no experiment {name!r}; there are {', '.join(known)}"
            )
    return Suite(
        settings=settings_of(arguments, arguments.first),
        methods=METHODS,
        experiments=EXPERIMENTS,
        chosen=tuple(name for name in EXPERIMENTS if name in names),
        identities=arguments.identities,
        seeds=arguments.seeds,
        workers=arguments.workers,
        threads=1,
        kept=arguments.pictures,
        draw=not arguments.tables_only,
        timed=tuple(EXPERIMENTS["table1"].rows.values()) if TIMING in names else (),
        pairs=PAIRS in names,
    )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m evaluation", description=__doc__)
    add = parser.add_argument
    add("--out", type=Path, default=Path("out/evaluation"), help="folder of the results")
    add("--experiments", help=f"some of {','.join(EVERY)}; without it all")
    add("--identities", type=int, default=32, help="people; experiments may take fewer")
    add("--first", type=int, default=0, help="number of the first person")
    add("--seeds", type=int, default=4, help="pictures of a prompt; experiments may take fewer")
    add("--tables-only", action="store_true", help="draw nothing, make tables of what is there")
    add_arguments(parser)
    return parser


if __name__ == "__main__":
    sys.exit(main())
