"""``python -m tests.chaos``: real processes under faults, for ten minutes. See `run.py`."""

import asyncio
import tempfile
from pathlib import Path
from random import SystemRandom
from typing import Annotated

import typer

from tests.chaos.run import run
from tests.support.random_checkpoint import write_random_checkpoint


def main(
    seconds: Annotated[float, typer.Option(help="Of faults, on both databases together.")] = 600.0,
    seed: Annotated[int | None, typer.Option(help="Of an earlier run; unset: a new one.")] = None,
) -> None:
    """Break everything that the gateway stands on, and see whether it keeps its promises."""
    seed = SystemRandom().randrange(2**32) if seed is None else seed
    typer.echo(f"seed {seed}")
    failed = False
    with tempfile.TemporaryDirectory(prefix="likeness-chaos-") as place:
        checkpoint = write_random_checkpoint(Path(place) / "checkpoint")
        for database in ("sqlite", "postgresql"):
            home = Path(place) / database
            home.mkdir()
            outcome = asyncio.run(
                run(home, checkpoint, database, seed, seconds / 2, tell=typer.echo)
            )
            typer.echo(str(outcome))
            failed |= bool(outcome.ledger.complaints)
    raise typer.Exit(failed)


if __name__ == "__main__":
    typer.run(main)
