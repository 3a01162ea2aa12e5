"""Two people in one picture: who is recognised."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from torch import Tensor

from basemodel import BaseModel, load
from basemodel.drawing import SamplingSettings, torch_denoiser
from evaluation.errors import EvaluationError
from evaluation.judges import EmbeddedJudge
from evaluation.pair_drawing import PairDrawing
from evaluation.pair_table import figures
from evaluation.pairs import judge_pairs, measure_pairs, random_pairs
from faceworld import PAIR_PROMPTS, source_image
from faceworld.judges import ClipJudge, IdentityJudge, Judges
from faceworld.tokenizer import build_tokenizer
from tests.support.random_checkpoint import write_random_checkpoint

PROMPTS = PAIR_PROMPTS[:2]
PAIRS = [(0, 1), (2, 0)]


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.manual_seed(0)
    path = write_random_checkpoint(tmp_path_factory.mktemp("pairs") / "checkpoint")
    tokenizer = build_tokenizer(32)
    tower = ((8, 8, 8), 8)
    clip = ClipJudge(*tower, len(tokenizer), 32, 16)
    Judges(IdentityJudge(*tower), clip, tokenizer, {"pair": 0.0}).save(path / "judges")
    return path


@pytest.fixture(scope="module")
def judge(checkpoint: Path) -> EmbeddedJudge:
    return EmbeddedJudge(checkpoint)


@pytest.fixture(scope="module")
def base(checkpoint: Path) -> BaseModel:
    return load(checkpoint)


def drawing(base: BaseModel, tokens: dict[int, Tensor]) -> PairDrawing:
    return PairDrawing(base, torch_denoiser(base), SamplingSettings(steps=5), tokens, "person")


def random_tokens(base: BaseModel, people: int) -> dict[int, Tensor]:
    generator = torch.Generator().manual_seed(0)
    return {p: torch.randn(5, 2, base.token_width, generator=generator) for p in range(people)}


def test_pairs_are_of_different_people_and_stay_the_same() -> None:
    pairs = random_pairs(range(5), 12)
    assert len(set(pairs)) == 12
    assert all(left != right for left, right in pairs)
    assert random_pairs(range(5), 12) == pairs
    assert len(random_pairs(range(2), 12)) == 2
    with pytest.raises(EvaluationError, match="at least 2"):
        random_pairs(range(1), 12)


def test_whoever_is_not_recognised_is_swapped_or_merged(judge: EmbeddedJudge) -> None:
    pictures = np.stack([source_image(person) for person in range(4)])
    sources = dict(enumerate(judge.faces(pictures)[0]))
    told = (pictures, PROMPTS[0])
    as_asked = judge_pairs(judge, *told, PAIRS, sources, "person")
    the_other_way = judge_pairs(judge, *told, [pair[::-1] for pair in PAIRS], sources, "person")
    assert (as_asked[["both", "swap", "merge"]].sum(axis=1) == 1).all()
    np.testing.assert_array_equal(as_asked["both"], the_other_way["swap"])
    np.testing.assert_array_equal(as_asked["merge"], the_other_way["merge"])
    np.testing.assert_array_equal(as_asked["left_own"], the_other_way["left_other"])


def test_figures_by_hand() -> None:
    rows = {
        "left": [0, 0, 1, 1],
        "right": [1, 1, 2, 2],
        "prompt": ["p", "p", "q", "q"],
        "two": [1, 1, 1, 0],
        "both": [1, 0, 0, 1],
    }
    scores = pd.DataFrame(rows).assign(
        score=0.5, met=1, swap=0, merge=0, left_own=1, left_other=0, right_own=0.5, right_other=1
    )
    found = figures(scores)
    overall = found["figures"]
    assert overall["both recognised"] == [pytest.approx(1 / 3, abs=1e-4), 0, 0.5]
    assert overall["Detect two"] == [0.75, 0.5, 1]
    assert overall["ID own"] == [0.75, 0.75, 0.75]
    assert (overall["left recognised"][0], overall["right recognised"][0]) == (1, 0)
    assert [each["both recognised"] for each in found["prompts"].values()] == [0.5, 0]
    assert (found["pairs"], found["pictures"]) == (2, 4)


def test_intervals_are_over_people() -> None:
    """Two people are one pair both ways round, in every resample that has them both."""
    scores = pd.DataFrame({"left": [0, 1], "right": [1, 0], "prompt": "p"}).assign(
        score=0.5, met=[0, 1], two=1, both=1, swap=0, merge=0,
        left_own=1, left_other=0, right_own=1, right_other=0,
    )  # fmt: skip
    assert figures(scores)["figures"]["met"] == [0.5, 0.5, 0.5]


def test_without_two_faces_there_is_no_figure_of_them() -> None:
    scores = pd.DataFrame({"left": [0], "right": 1, "prompt": "p"}).assign(
        score=0.5, met=1, two=0, both=1, swap=0, merge=0,
        left_own=1, left_other=0, right_own=1, right_other=0,
    )  # fmt: skip
    assert figures(scores)["figures"]["both recognised"] == [None, None, None]


def test_from_people_to_table_and_again_without_drawing(
    base: BaseModel, judge: EmbeddedJudge, tmp_path: Path
) -> None:
    ours = drawing(base, random_tokens(base, 3))
    sources = {person: source_image(person) for person in range(3)}
    measure_pairs(ours, judge, PROMPTS, PAIRS, sources, tmp_path)
    scores = pd.read_csv(tmp_path / "scores.csv")
    assert len(scores) == len(PROMPTS) * len(PAIRS) * 2
    table = json.loads((tmp_path / "table.json").read_text())
    assert table["figures"]["Prompt"][0] == pytest.approx(scores["score"].mean(), abs=1e-3)
    assert f"`{PROMPTS[1]}`" in (tmp_path / "table.md").read_text()
    strips = {path: path.stat().st_mtime_ns for path in tmp_path.glob("pictures/*.png")}
    assert len(strips) == len(PROMPTS)
    lost = next(iter(strips))
    before = lost.read_bytes()
    lost.unlink()
    measure_pairs(ours, judge, PROMPTS, PAIRS, sources, tmp_path)
    assert lost.read_bytes() == before
    kept = {path for path, when in strips.items() if path.stat().st_mtime_ns == when}
    assert kept == set(strips) - {lost}
