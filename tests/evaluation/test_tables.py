"""Tables of a handful of pictures whose figures can be told by hand."""

import io
from typing import Any

import pandas as pd
import pytest

from evaluation.tables import markdown, tables

CSV = """\
method,person,level,prompt,seed,score,met,plain_score,plain_met,detect,id,id_p,nearest,nearest_256,false_matches,verified
ours,0,face,face of {},0,0.9,1,0.8,1,1,0.9,0.9,1,1,0,1
ours,0,actions,cup {},0,0.6,1,0.5,0,1,0.8,0.8,1,1,0,1
ours,0,scenes,beach {},0,0.4,0,0.5,0,0,0.6,0,1,0,0.1,1
ours,1,face,face of {},0,0.9,1,0.8,1,1,0.7,0.7,1,1,0,1
ours,1,actions,cup {},0,0.6,1,0.5,0,1,0.4,0.4,1,1,0,1
ours,1,scenes,beach {},0,0.6,1,0.5,0,1,0.2,0.2,0,0,0,0
ours,1,scenes,beach {},1,0,0,0,0,0,0,0,0,0,0,0
theirs,0,actions,cup {},0,0.5,0,0.5,0,1,0.6,0,1,1,0,1
theirs,1,actions,cup {},0,0.5,0,0.5,0,1,0.6,0,1,1,0,1
"""


TIMING = {
    "ours": {"key": "0a", "seconds_to_95": 12.5},
    "theirs": {"key": "of other settings", "seconds_to_95": 7.5},
}


def suite(**experiment: Any) -> dict[str, Any]:
    described = {"key": "0a", "trained": 10, "added": 20}
    rows = {"Ours": "ours", "Theirs": "theirs", "Not drawn yet": "later"}
    return {
        "settings": {
            "base_model": "sha256:0123456789abcdef",
            "first": 0,
            "judge": "by hand",
            "prompts": [{}, {}, {}],
            "sampling": {"steps": 20, "guidance": 7.5, "scheduler": "ddim"},
        },
        "methods": dict.fromkeys(("ours", "theirs", "later"), described),
        "experiments": {
            "table1": {"title": "Methods", "rows": rows, "identities": 2, "seeds": 1, **experiment}
        },
        "gallery": 10,
        "ceiling": None,
        "face_threshold": 0.3,
    }


def rows_of(more: str = "", **experiment: Any) -> dict[str, Any]:
    pictures = pd.read_csv(io.StringIO(CSV + more))
    found = tables(pictures, suite(**experiment), TIMING)
    return {row["label"]: row for row in found["experiments"]["table1"]["rows"]}


def test_seconds_are_of_the_config_that_was_drawn() -> None:
    seconds = {label: row["seconds"] for label, row in rows_of().items()}
    assert seconds == {"Ours": 12.5, "Theirs": None}


def test_figures_are_means_over_pictures_then_people() -> None:
    ours = rows_of()["Ours"]
    means = {name: value[0] for name, value in ours["figures"].items()}
    assert means["Prompt"] == pytest.approx(((0.6 + 0.4) / 2 + 0.6) / 2)
    assert means["met"] == 0.75
    assert means["ID"] == pytest.approx((0.7 + 0.3) / 2)
    assert means["ID(P)"] == pytest.approx((0.4 + 0.3) / 2)
    assert means["Detect"] == 0.75
    assert means["nearest of 32"] == 0.75
    assert means["nearest of 256"] == 0.5
    assert means["verified"] == 0.75
    assert means["false matches"] == pytest.approx(0.025)
    assert (ours["people"], ours["pictures"], ours["seconds"]) == (2, 6, 12.5)


def test_the_face_prompt_is_scored_apart() -> None:
    figures = rows_of()["Ours"]["figures"]
    assert figures["*ID(F)"][0] == pytest.approx(0.8)
    assert figures["*Detect(F)"][0] == 1
    assert "*ID(F)" not in rows_of()["Theirs"]["figures"]


def test_levels_are_told_apart() -> None:
    levels = rows_of()["Ours"]["levels"]
    assert list(levels) == ["face", "actions", "scenes"]
    assert levels["actions"]["ID(P)"][0] == pytest.approx(0.6)
    assert levels["scenes"]["met"][0] == 0.5


def test_an_experiment_takes_its_own_people_and_seeds() -> None:
    assert rows_of(seeds=2, rows={"Ours": "ours"})["Ours"]["pictures"] == 7
    assert rows_of(identities=1)["Ours"]["people"] == 1


def test_methods_are_compared_with_the_seeds_that_all_have_drawn() -> None:
    assert rows_of(seeds=2)["Ours"]["pictures"] == 6


def test_methods_are_compared_on_the_people_whom_all_have_drawn() -> None:
    third = "ours,2,actions,cup {},0,0.6,1,0.5,0,1,0.4,0.4,1,1,0,1\n"
    assert rows_of(third, identities=3)["Ours"]["people"] == 2


def test_differences_and_what_is_missing() -> None:
    rows = rows_of()
    assert "Not drawn yet" not in rows
    difference = rows["Theirs"]["first_minus_this"]
    assert difference["ID(P)"][0] == pytest.approx(0.35)
    assert "*ID(F)" not in difference


def test_the_page_says_what_the_figures_say() -> None:
    pictures = pd.read_csv(io.StringIO(CSV))
    page = markdown(tables(pictures, suite(), TIMING))
    assert "| Ours | 2 | 6 | 0.550 [0.500, 0.600] | 0.800 [" in page
    assert "| 10 | 20 | 12.5 |" in page
    assert "| (class noun) |" in page
    assert "nan" not in page
    assert "There are source images of 10 people only" in page
    assert "set by 45 pairs of strangers" in page
    assert "people only" not in markdown(tables(pictures, suite() | {"gallery": 256}, TIMING))


def test_nothing_drawn_is_no_table() -> None:
    found = tables(pd.DataFrame(), suite(), {})
    assert found["experiments"]["table1"]["rows"] == []
    assert "Methods" not in markdown(found)
