"""``python -m evaluation.report``: writes ``report.html`` into an evaluation's folder."""

import argparse
import sys
from pathlib import Path

from rich.console import Console

from evaluation.errors import EvaluationError
from evaluation.report.page import page
from evaluation.report.results import Results
from trainer.process import write_atomically


def main() -> int:
    """Runs the command line."""
    parser = argparse.ArgumentParser(prog="python -m evaluation.report", description=__doc__)
    parser.add_argument("--out", type=Path, required=True, help="folder of an evaluation")
    out: Path = parser.parse_args().out
    path = out / "report.html"
    try:
        write_atomically(path, page(Results(out)).encode())
    except EvaluationError as error:
        Console(stderr=True, soft_wrap=True).print(f"evaluation.report: {error}", markup=False)
        return 1
    Console(soft_wrap=True).print(f"{path}: {path.stat().st_size / 2**20:.1f} MiB", markup=False)
    return 0


if __name__ == "__main__":
    sys.exit(main())
