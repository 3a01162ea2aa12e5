"""The GPU benchmark's arithmetic, its way through a real server, and what it says without a GPU."""

import io
import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from rich.console import Console

from benchmarks.gpu import engine, main, summarise, table
from deploy.triton import TritonServer
from export.manifest import EngineManifest, EngineMismatchError


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


def test_measures_a_server_and_says_what_ran(
    triton: TritonServer, bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The server's engines are for a CPU; the bundle says that they are for a GPU."""
    said = tmp_path / "bundle"
    shutil.copytree(bundle, said, ignore=shutil.ignore_patterns("models"))
    plan = said / "models/unet/1/model.plan"
    plan.parent.mkdir(parents=True)
    plan.touch()
    EngineManifest("unet", "", "", "tensorrt", "11.2.1", ["8.9"], "fp16", [], 1.0).save(plan)
    monkeypatch.setattr("benchmarks.gpu.gpu", lambda: {"gpu": "none", "capability": "8.9"})
    out = tmp_path / "out/gpu.json"
    main(bundle=said, triton=triton.grpc_address, steps=2, repeats=2, out=out)
    figures = json.loads(out.read_text())
    assert figures["triton"].startswith("2.")
    assert figures["engine"] == {
        "library": "tensorrt",
        "version": "11.2.1",
        "capabilities": ["8.9"],
        "precision": "fp16",
    }
    assert [(row["pictures"], row["steps"]) for row in figures["rows"]] == [(1, 2), (4, 2), (8, 2)]
    for row in figures["rows"]:
        assert 0 < row["engine_milliseconds"] < 1000 * row["median_seconds"]


def test_a_bundle_for_cpus_is_refused(bundle: Path) -> None:
    with pytest.raises(EngineMismatchError, match="holds no engine for a GPU"):
        engine(bundle)


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
