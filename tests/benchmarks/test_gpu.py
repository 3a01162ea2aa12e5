"""The GPU benchmark's arithmetic, and what it says where there is no GPU."""

import io
import subprocess
import sys

import pytest
import torch
from rich.console import Console

from benchmarks.gpu import summarise, table


def test_figures_follow_from_the_times() -> None:
    row = summarise(
        pictures=4, steps=50, seconds=[1.0, 2.0, 1.0], engine_calls=150, engine_seconds=3.0
    )
    assert (row.median_seconds, row.worst_seconds) == (1.0, 2.0)
    assert row.pictures_per_second == 3.0
    assert row.steps_per_second == 37.5
    assert row.engine_milliseconds == pytest.approx(20)
    assert row.engine_steps_per_second == pytest.approx(50)


def test_table_shows_a_row_for_each_size() -> None:
    text = io.StringIO()
    rows = [summarise(1, 50, [0.5], 50, 0.4), summarise(8, 50, [2.0], 50, 1.9)]
    Console(width=120, file=text).print(table(rows))
    assert "0.500" in text.getvalue()
    assert "38.00" in text.getvalue()


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_says_in_one_line_that_there_is_no_gpu() -> None:
    result = subprocess.run(
        [sys.executable, "-m", "benchmarks.gpu"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 1
    assert result.stderr.splitlines() == [
        "gpu: no NVIDIA GPU here; benchmarks.serving measures the service on a CPU"
    ]
