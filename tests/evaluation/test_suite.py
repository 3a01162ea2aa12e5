"""A small evaluation from people to tables, stopped and gone on with."""

import dataclasses
import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from basemodel.drawing import Pictures, SamplingSettings
from evaluation.errors import EvaluationError
from evaluation.experiments import EXPERIMENTS, Experiment
from evaluation.judges import EmbeddedJudge, Flags, Floats
from evaluation.learning import config_key, parameters
from evaluation.methods import DEFAULT, METHODS
from evaluation.scores import RawScores
from evaluation.settings import Folder, Settings, prompts_of
from evaluation.suite import Suite, run
from evaluation.workers import Worker, WorkerSettings, missing, plan
from identity import Identity
from trainer.config import TrainingConfig

PROMPTS = {"face": ["a photo of the face of {}"], "actions": ["a photo of {} holding a cup"]}
QUICK = {"steps": 2, "batch": 1, "views": 2}
SMALL = {
    "ours": TrainingConfig(**QUICK),
    "theirs": TrainingConfig(**QUICK, attention_loss="none", learning_rate=1.0),
    "ours again": TrainingConfig(**QUICK),
}
ROWS = {"Ours": "ours", "Theirs": "theirs", "Ours again": "ours again"}


def settings(checkpoint: Path, **other: Any) -> Settings:
    fields = {"first": 0, "prompts": prompts_of(PROMPTS), "sampling": SamplingSettings(steps=2)}
    return Settings(base_model=str(checkpoint), class_noun="person", **{**fields, **other})


def suite(checkpoint: Path, identities: int = 2, **other: Any) -> Suite:
    return Suite(
        settings=settings(checkpoint, **other),
        methods=SMALL,
        experiments={"table1": Experiment("Methods", ROWS)},
        chosen=("table1",),
        identities=identities,
        seeds=1,
        workers=1,
        threads=1,
        kept=1,
        timed=("ours",),
    )


def worker(checkpoint: Path, root: Path) -> Worker:
    return Worker(WorkerSettings(settings(checkpoint), root, None, threads=1, kept=1))


@pytest.mark.timeout(1200)  # real worker processes, on machines that do much else
def test_from_people_to_tables_and_on_to_more_people(checkpoint: Path, tmp_path: Path) -> None:
    told: list[tuple[int, int]] = []
    figures = run(suite(checkpoint), tmp_path, lambda *progress: told.append(progress))
    assert told[0] == (0, 5)
    assert told[-1] == (5, 5)  # the class noun, and two methods of two people
    rows = {row["label"]: row for row in figures["experiments"]["table1"]["rows"]}
    assert rows.keys() == ROWS.keys()
    assert rows["Ours again"]["method"] == "ours"  # the same config is neither learned nor drawn
    assert rows["Ours"]["figures"]["ID"][0] != rows["Theirs"]["figures"]["ID"][0]

    pictures = pd.read_csv(tmp_path / "scores.csv")
    ours = pictures[(pictures["method"] == "ours") & (pictures["level"] == "actions")]
    assert len(pictures) == 8
    assert rows["Ours"]["figures"]["ID"][0] == pytest.approx(ours["id"].mean(), abs=1e-4)
    assert json.loads((tmp_path / "tables.json").read_text()) == figures
    folder = Folder(tmp_path)
    key = folder.suite["methods"]["ours"]["key"]
    assert Image.open(folder.pictures(key, 0)).size == (64, 64 * 2)
    assert not folder.pictures(key, 1).exists()
    identity = Identity.from_bytes(folder.identity(key, 1).read_bytes())
    assert np.shape(identity.training["losses"]) == (2, 3)
    assert [point["step"] for point in folder.timing()["ours"]["curve"]] == [1, 2]

    made = {path: path.stat().st_mtime_ns for path in (tmp_path / "scores").rglob("*.npz")}
    lost = folder.scores(key, 1, 0)
    before = RawScores.load(lost)
    lost.unlink()
    more = run(suite(checkpoint, identities=3), tmp_path, lambda *_: None)
    assert more["experiments"]["table1"]["rows"][0]["people"] == 3
    np.testing.assert_array_equal(RawScores.load(lost).faces, before.faces)
    made.pop(lost)
    assert made == {path: path.stat().st_mtime_ns for path in made}

    run(dataclasses.replace(suite(checkpoint, identities=9), draw=False), tmp_path, lambda *_: None)
    assert Folder(tmp_path).suite["identities"] == 3  # whoever only reads asks for nobody

    other = settings(checkpoint, sampling=SamplingSettings(steps=3))
    with pytest.raises(EvaluationError, match="holds results of another sampling"):
        run(dataclasses.replace(suite(checkpoint), settings=other), tmp_path, lambda *_: None)


def test_a_source_without_a_face_is_told_before_anything_is_learned(
    checkpoint: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    judged = EmbeddedJudge.faces

    def faces(judge: EmbeddedJudge, pictures: Pictures) -> tuple[Floats, Flags]:
        embedded, found = judged(judge, pictures)
        embedded[2] = 0
        return embedded, found

    monkeypatch.setattr(EmbeddedJudge, "faces", faces)
    with pytest.raises(EvaluationError, match="--sources: no face is found in image 2 "):
        run(suite(checkpoint), tmp_path, lambda *_: None)
    assert not list(tmp_path.rglob("*.safetensors"))


def _alive(group: int) -> bool:
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    return True


@pytest.mark.timeout(1200)  # real worker processes, on machines that do much else
def test_killed_it_leaves_no_worker_and_knows_what_is_missing(
    checkpoint: Path, tmp_path: Path
) -> None:
    prompts = tmp_path / "prompts.json"
    prompts.write_text(json.dumps({"face": PROMPTS["face"]}))
    out = tmp_path / "out"
    command = [sys.executable, "-m", "evaluation", "--out", str(out), "--experiments", "table1"]
    command += ["--base-model", str(checkpoint), "--identities", "2", "--seeds", "1"]
    command += ["--steps", "1", "--workers", "1", "--prompts", str(prompts)]
    process = subprocess.Popen(command, stderr=subprocess.DEVNULL, process_group=0)
    plain = out / "scores/plain/0000-0.npz"
    while not plain.exists():
        assert process.poll() is None
        time.sleep(0.05)
    process.kill()
    process.wait()
    while _alive(process.pid):
        time.sleep(0.05)
    assert not list(out.rglob("scores/*/*.partial"))
    folder = Folder(out)
    tasks = plan({"table1": EXPERIMENTS["table1"]}, METHODS, 0, 2, 1)
    left = missing(tasks, folder)
    assert plain.exists()
    assert 0 < len(left) < len(tasks)


def test_a_worker_writes_each_person_as_soon_as_it_is_judged(
    checkpoint: Path, tmp_path: Path
) -> None:
    (task,) = [t for t in _plan(people=2, seeds=1) if t.config == SMALL["theirs"]]
    folder, seen = Folder(tmp_path), []
    worker(checkpoint, tmp_path).run(
        task, lambda: seen.append([folder.scores(task.key, p, 0).exists() for p in (0, 1)])
    )
    assert seen == [[True, False], [True, True]]


def _plan(people: int, seeds: int) -> list[Any]:
    return plan({"table1": Experiment("Methods", ROWS)}, SMALL, 0, people, seeds)


def test_whenever_it_is_stopped_methods_have_the_same_people() -> None:
    tasks = plan(EXPERIMENTS, METHODS, first=0, identities=32, seeds=4)
    pairs: dict[str, set[tuple[int, int]]] = {}
    for task in tasks:
        pairs.setdefault(task.key, set()).update((p, task.seed) for p in task.people)
    table1 = [config_key(METHODS[name]) for name in EXPERIMENTS["table1"].rows.values()]
    assert all(len(pairs[key]) == 32 * 4 for key in table1)
    assert len(pairs[config_key(METHODS["5kv-none"])]) == 32 * 4
    assert len(pairs[config_key(METHODS["lambda 10"])]) == 16
    drawn = dict.fromkeys(table1, 0)
    for task in tasks:
        if task.key in drawn:
            drawn[task.key] += len(task.people)
        assert max(drawn.values()) - min(drawn.values()) <= 8


def test_the_comparison_is_fair() -> None:
    ours, theirs = METHODS["5kv-all"].to_json(), METHODS["textual-inversion"].to_json()
    differing = {name for name in ours if ours[name] != theirs[name]}
    theirs_by_name = {"stages", "split_keys_values", "attention_loss", "offset_learning_rate"}
    found_by_a_search_of_their_own = {"learning_rate", "average_from"}
    assert differing == theirs_by_name | found_by_a_search_of_their_own
    assert METHODS["5kv-all"] == DEFAULT


@pytest.mark.parametrize(
    ("method", "trained", "added"),
    [
        ("textual-inversion", 768, 768),
        ("prospect", 11 * 768, 10 * 768),
        ("5kv-all", 11 * 768, 10 * 768),
    ],
)
def test_parameters_as_the_paper_counts_them(method: str, trained: int, added: int) -> None:
    assert parameters(METHODS[method], 768) == (trained, added)
