"""The page of a small results folder: complete, self-contained, honest about what is missing."""

import json
import re
import sys
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest
from PIL import Image

from evaluation.report import summary
from evaluation.report.__main__ import main
from evaluation.report.page import page
from evaluation.report.results import Results
from evaluation.report.sections import SECTIONS
from evaluation.studies.substitution import name_of, substitutions
from evaluation.studies.tables import table_of
from evaluation.tables import FIGURES, write_tables

SIDE = 16
PROMPTS = ("a photo of the face of {}", "a photo of {} at the <beach>")
METHODS = {"5kv-all": "aaa", "textual-inversion": "bbb"}
rng = np.random.default_rng(0)


def pixels(*count: int) -> npt.NDArray[np.uint8]:
    return rng.integers(0, 256, (*count, SIDE, SIDE, 3), np.uint8)


def write_strip(path: Path, pictures: npt.NDArray[np.uint8]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.concatenate(list(pictures))).save(path)


def write_suite(out: Path) -> None:
    prompts = [{"level": "face", "text": text, "threshold": 0.5} for text in PROMPTS]
    settings = {
        "base_model": "sha256:00",
        "class_noun": "person",
        "first": 0,
        "prompts": prompts,
        "sampling": {"steps": 20, "guidance": 7.5, "scheduler": "ddim"},
        "judge": "none",
        "sources": "none",
    }
    methods = {name: {"key": key, "trained": 8, "added": 8} for name, key in METHODS.items()}
    suite = {
        "settings": settings,
        "identities": 2,
        "seeds": 1,
        "image_size": [SIDE, SIDE],
        "methods": methods,
    }
    (out / "suite.json").write_text(json.dumps(suite))
    for person in range(2):
        write_strip(out / f"sources/{person:04d}.png", pixels(1))
        for key in METHODS.values():
            write_strip(out / f"pictures/{key}/{person:04d}.png", pixels(len(PROMPTS)))
    write_strip(out / "pictures/plain/0000.png", pixels(len(PROMPTS)))


def write_figures(out: Path) -> None:
    figures = {name: [0.7, 0.6, 0.8] for name in FIGURES}

    def row(label: str, method: str) -> dict[str, object]:
        size = {"people": 2, "pictures": 4, "trained": 8, "added": 8, "seconds": None}
        minus = {"first_minus_this": figures, "levels": {"face": figures}}
        return {"label": label, "method": method, "figures": figures, **size, **minus}

    rows = [row("default", "5kv-all"), row("`one`", "textual-inversion")]
    names = ("table1", "table3", "lambda", "kv-count")
    experiments = {name: {"title": f"The {name}", "rows": rows} for name in names}
    settings = json.loads((out / "suite.json").read_text())["settings"]
    known = {"settings": settings, "gallery": 256, "ceiling": None, "face_threshold": 0.3}
    write_tables({**known, "experiments": experiments}, out)


def write_studies(out: Path) -> None:
    (out / "attention").mkdir()
    np.savez(
        out / "attention/0000.npz",
        maps=rng.random((2, 5, 3, 4, 4), np.float32).astype(np.float16),
        pictures=pixels(2),
        methods=["plain", "5kv-all"],
        keys=["", "aaa"],
        tokens=["photo", "of", "V*"],
        prompt="photo of {}",
    )
    (out / "curves").mkdir()
    names = ("denoising", "attention", "norm", "id", "id_low", "id_high", "score", "score_low")
    curve = pd.DataFrame(rng.random((3, 9)), columns=[*names, "score_high"])
    curve.assign(step=[0, 5, 10]).to_csv(out / "curves/aaa.csv", index=False)
    series = substitutions(5)
    names_ = {name_of(each) for some in series.values() for each in some.strengths.values()}
    for name in names_:
        write_strip(out / f"stages/{name}.png", pixels(2))
    scores = pd.DataFrame(
        [
            {"setting": name, "person": person, "id": 0.5, "score": 0.5, "layout": person}
            | {"surroundings": 0.1}
            for name in sorted(names_)
            for person in range(2)
        ]
    )
    scores.to_csv(out / "stages/scores.csv", index=False)
    table_of(scores, series).to_csv(out / "stages/table.csv", index=False)
    scope = {"people": [0, 1], "prompts": ["a photo of {}"], "seeds": 1, "stages": 5}
    (out / "stages/settings.json").write_text(json.dumps(scope))


def write_pairs(out: Path) -> None:
    row = np.concatenate(list(pixels(4)), axis=1)
    write_strip(out / "pairs/grid.png", np.stack([row, row]))
    pd.DataFrame({"prompt": PROMPTS}).to_csv(out / "pairs/scores.csv", index=False)
    found = {"ID own": [0.5, 0.4, 0.6], "swap": [None, None, None]}
    table = {"pairs": 1, "pictures": 2, "figures": found}
    (out / "pairs/table.json").write_text(json.dumps(table))


def headings(text: str) -> list[str]:
    return re.findall(r"<h2>(.*?)</h2>", text)


def test_everything_there_is_on_the_page_and_nothing_comes_from_elsewhere(tmp_path: Path) -> None:
    for write in (write_suite, write_figures, write_studies, write_pairs):
        write(tmp_path)
    text = page(Results(tmp_path))
    assert headings(text) == [section.title for section in SECTIONS]
    assert "&lt;beach&gt;" in text
    assert "<beach>" not in text
    links = re.findall(r'(?:src|href)="([^"]{0,9})', text)
    assert {link for link in links if not link.startswith("#")} == {"data:imag", "data:,"}
    assert not re.search(r"https?://|url\((?!#)|@import", text)
    for stand_in in ("#010101", "#040404"):
        assert stand_in not in text


def test_the_page_tells_of_the_people_that_were_drawn(tmp_path: Path) -> None:
    """More may have been asked for: an experiment takes fewer, and a run may be stopped."""
    write_suite(tmp_path)
    suite = json.loads((tmp_path / "suite.json").read_text())
    (tmp_path / "suite.json").write_text(json.dumps({**suite, "identities": 32, "seeds": 4}))
    write_figures(tmp_path)
    head = summary.build(Results(tmp_path))
    assert head["lead"].startswith("2 people, ")
    assert ("seeds", "1 a prompt") in head["settings"]


def test_maps_of_another_config_are_not_shown(tmp_path: Path) -> None:
    (title,) = (section.title for section in SECTIONS if section.name == "attention")
    write_suite(tmp_path)
    write_studies(tmp_path)
    assert title in headings(page(Results(tmp_path)))
    suite = json.loads((tmp_path / "suite.json").read_text())
    suite["methods"]["5kv-all"]["key"] = "changed"
    (tmp_path / "suite.json").write_text(json.dumps(suite))
    assert title not in headings(page(Results(tmp_path)))


def test_sections_without_results_are_named_with_what_makes_them(tmp_path: Path) -> None:
    text = page(Results(tmp_path))
    assert headings(text) == ["Not in this report"]
    for section in SECTIONS:
        assert f"{section.title}: <code>{section.command.format(out=tmp_path)}" in text
    write_suite(tmp_path)
    text = page(Results(tmp_path))
    assert headings(text) == [SECTIONS[0].title, "Not in this report"]
    assert f"{SECTIONS[0].title}: <code>" not in text


def test_a_folder_that_is_not_there_is_told_in_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["report", "--out", str(tmp_path / "none")])
    assert main() == 1
    assert re.fullmatch(r"evaluation\.report: --out: no folder .*\n", capsys.readouterr().err)
