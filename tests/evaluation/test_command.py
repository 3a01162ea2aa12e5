"""Bad input is one clear line; settings are chosen from what was tried."""

import json
import sys
from pathlib import Path

import pytest
from PIL import Image

from evaluation.__main__ import main
from evaluation.errors import EvaluationError
from evaluation.methods import METHODS
from evaluation.people import FolderPeople
from evaluation.search import SPACES, candidates, changes, ranking
from evaluation.timing import seconds_to
from tests.support.random_checkpoint import write_random_checkpoint


@pytest.fixture(scope="module")
def without_judges(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_random_checkpoint(tmp_path_factory.mktemp("base") / "checkpoint")


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--experiments", "table9"], "no experiment 'table9'; there are table1, table3"),
        (["--sources", "missing"], "--sources: missing is no folder"),
        (["--sources", "empty"], "--sources: no PNG, JPEG or WebP image in empty"),
        (["--sources", "few"], "people 0 to 31 are asked for, but there are 1 images"),
        (["--class-noun", "cat"], "the face world has person, dog, car, not 'cat'"),
        (["--clip", "somewhere"], "--clip and --face-model: give both or none"),
        (["--clip", "x", "--face-model", "no.onnx"], "--face-model: no file no.onnx"),
        (["--prompts", "no.json"], "--prompts: no.json is no JSON file"),
        (["--prompts", "bad.json"], "'a photo' must have one {} for the subject"),
        (["--base-model", "WITHOUT"], "no judges in"),
        (["--base-model", "few"], "few: no text_encoder/model.safetensors"),
        (["--identities", "33"], "--identities: at most 32, got 33"),
        (["--prompts", "braces.json"], "'{} and {0}' must have one {} for the subject"),
        (["--prompts", "long.json"], "101 tokens, but the text window holds 75"),
        (["--sources", "two", "--class-noun", "labradoodle"], "class_noun: must be a word"),
        (["--sources", "two", "--first", "1", "--identities", "1"], "--sources: at least 2 images"),
    ],
)
def test_bad_input_is_one_line(
    arguments: list[str],
    told: str,
    checkpoint: Path,
    without_judges: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "empty").mkdir()
    (tmp_path / "few").mkdir()
    Image.new("RGB", (64, 64)).save(tmp_path / "few/ann.png")
    (tmp_path / "two").mkdir()
    for name in ("ann", "bea"):
        Image.new("RGB", (64, 64)).save(tmp_path / "two" / f"{name}.png")
    texts = {"bad": "a photo", "braces": "{} and {0}", "long": "{}" + " photo" * 100}
    for name, text in texts.items():
        (tmp_path / f"{name}.json").write_text(json.dumps({"plain": [text]}))
    given = [str(without_judges) if word == "WITHOUT" else word for word in arguments]
    base = [] if "--base-model" in given else ["--base-model", str(checkpoint)]
    monkeypatch.setattr(sys, "argv", ["evaluation", *base, *given])
    assert main() == 1
    lines = [line for line in capsys.readouterr().err.splitlines() if line.startswith("evaluation")]
    assert len(lines) == 1
    assert told in lines[0]


def test_a_folder_of_images_is_people_in_the_order_of_names(tmp_path: Path) -> None:
    for name, colour in (("b.png", "blue"), ("a.jpg", "red"), ("notes.txt", None)):
        if colour is None:
            (tmp_path / name).write_text("no image")
        else:
            Image.new("RGB", (96, 128), colour).save(tmp_path / name)
    people = FolderPeople(tmp_path, (32, 32))
    assert people.count == 2
    assert people.source(0).shape == (32, 32, 3)
    assert people.source(1)[0, 0].tolist() == [0, 0, 255]


@pytest.mark.parametrize("method", SPACES)
def test_all_methods_of_a_search_have_as_many_trials(method: str) -> None:
    assert len(candidates(method, trials=12, seed=0)) == 12
    with pytest.raises(EvaluationError, match="--trials: at most"):
        candidates(method, trials=1000, seed=0)


@pytest.mark.parametrize("method", SPACES)
def test_a_search_starts_from_what_is_shipped_and_tries_nothing_twice(method: str) -> None:
    found = candidates(method, trials=6, seed=0)
    assert found[0] == METHODS[method]
    assert len(set(found)) == 6
    assert all(set(changes(method, config)) <= set(SPACES[method]) for config in found)
    assert found == candidates(method, trials=6, seed=0)


def test_a_search_ranks_by_identity_under_prompts() -> None:
    methods = {"5kv-all 0": METHODS["5kv-all"], "5kv-all 1": METHODS["5kv-none"]}
    rows = [
        {"method": "5kv-all 0", "figures": {"ID(P)": [0.2, 0.1, 0.3]}},
        {"method": "5kv-all 1", "figures": {"ID(P)": [0.4, 0.3, 0.5]}},
    ]
    tried = ranking({"experiments": {"5kv-all": {"rows": rows}}}, methods)
    assert tried["ID(P)"].tolist() == [0.4, 0.2]
    assert json.loads(tried["changes"].iloc[1]) == {}
    assert "attention_loss" in json.loads(tried["changes"].iloc[0])


def test_seconds_until_nearly_all_of_the_likeness_is_there() -> None:
    curve = [
        {"seconds": 1.0, "id_p": 0.1},
        {"seconds": 2.0, "id_p": 0.39},
        {"seconds": 3.0, "id_p": 0.4},
    ]
    assert seconds_to(curve, 0.95) == 2.0
