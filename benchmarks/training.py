"""``python -m benchmarks.training``: training against its peers, all in one run on one machine.

Prints the tables and writes them to docs/benchmarks.md.
"""

import asyncio
import tempfile
from pathlib import Path
from typing import Annotated

import torch
import typer

from benchmarks.machine import description
from benchmarks.tables import Row, Table, comparison, write_section
from benchmarks.training_rates import TOGETHER, Rates, measure, memory
from benchmarks.training_service import submit_to_ready
from trainer.config import PRESETS, TrainingConfig

PORT = 51060
CONFIG = PRESETS["default"]


def main(
    checkpoint: Annotated[Path, typer.Option(help="Base model.")] = Path("faceworld/checkpoint"),
    page: Annotated[Path, typer.Option(help="Where the tables go.")] = Path("docs/benchmarks.md"),
    rounds: Annotated[int, typer.Option(help="Turns of each way to train.")] = 5,
    steps: Annotated[int, typer.Option(help="Steps of a turn.")] = 5,
    threads: Annotated[int, typer.Option(help="Of PyTorch, in all ways.")] = 1,
) -> None:
    """Measure training."""
    torch.set_num_threads(threads)
    rates = measure(checkpoint, CONFIG, rounds, steps)
    peaks = {count: memory(checkpoint, CONFIG, count) for count in (1, TOGETHER)}
    with tempfile.TemporaryDirectory() as scratch:
        cold, warm = asyncio.run(submit_to_ready(checkpoint, Path(scratch) / "gateway", PORT))
    tables = [_speed(rates), _memory(peaks), _journey(cold, warm)]
    for table in tables:
        typer.echo(str(table))
    text = [
        f"Written by `python -m benchmarks.training`; {threads} thread(s) of PyTorch, one run.",
        "The ways to train took turns: ratios hold even where the machine did other things.",
        "",
        f"Machine: {description()}",
        "",
        "What trains together and how it survives: [training.md](training.md).",
    ]
    write_section(page, "Benchmarks of training", text, tables)


def _speed(rates: Rates) -> Table:
    alone = _hourly(CONFIG, rates.views, rates.alone, 1)
    together = _hourly(CONFIG, rates.views, rates.together, TOGETHER)
    return Table(
        "Speed",
        f"Default preset, {CONFIG.batch} rows of an identity a step, float32; medians of turns.",
        [
            Row("diffusers' textual inversion, loop body", f"{1 / rates.peer:.2f} steps/s"),
            Row("Likeness, attention loss on", f"{1 / rates.alone:.2f} steps/s"),
            Row("Likeness, without attention loss", f"{1 / rates.without_attention:.2f} steps/s"),
            Row(
                "Likeness, attention loss on / diffusers",
                *comparison(rates.peer / rates.alone, at_least=1.5),
            ),
            Row("one after the other, warm", f"{alone:.0f} identities/hour"),
            Row(f"{TOGETHER} together, warm", f"{together:.0f} identities/hour"),
            Row("together / one after the other", *comparison(together / alone, at_least=2)),
        ],
        f"Identities/hour: {CONFIG.steps} steps at the measured pace, and the encoding of "
        f"{CONFIG.views} views ({rates.views:.1f} s for each identity).",
    )


def _hourly(config: TrainingConfig, views: float, step: float, identities: int) -> float:
    return 3600 * identities / (identities * views + config.steps * step)


def _memory(peaks: dict[int, int]) -> Table:
    rows = [
        Row(f"{count} at once", f"{peak / 2**20:.0f} MiB at most") for count, peak in peaks.items()
    ]
    return Table(
        "Memory", "Of a process that trains, everything that it has loaded included.", rows
    )


def _journey(cold: float, warm: float) -> Table:
    rows = [
        Row("cold: the worker starts and loads the model", f"{cold:.1f} s", _within(cold, 75)),
        Row("warm", f"{warm:.1f} s", _within(warm, 45)),
    ]
    return Table("From submit to READY", "One identity, default preset, through the gateway.", rows)


def _within(seconds: float, bar: float) -> str:
    return f"<= {bar:g} s: {'reached' if seconds <= bar else 'missed'}"


if __name__ == "__main__":
    typer.run(main)
