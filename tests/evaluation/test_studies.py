"""The studies of a tiny random checkpoint, and their measures on cases told by hand."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from basemodel import BaseModel
from basemodel.drawing import SamplingSettings, torch_denoiser
from evaluation.errors import EvaluationError
from evaluation.judges import EmbeddedJudge
from evaluation.learning import config_key
from evaluation.people import FaceWorldPeople
from evaluation.settings import Folder, Settings
from evaluation.studies import attention, curves, stages
from evaluation.studies.bench import Bench
from evaluation.studies.findings import findings
from evaluation.studies.substitution import (
    layout_similarity,
    name_of,
    substitutions,
    surroundings_difference,
)
from trainer.config import TrainingConfig

QUICK = TrainingConfig(steps=10, batch=1, views=2)
ONE = TrainingConfig(
    steps=10, batch=1, views=2, stages=1, split_keys_values=False, attention_loss="none"
)
METHODS = {"5kv-all": QUICK, "5kv-none": QUICK, "textual-inversion": ONE}
SETTINGS = 18  # different ones in all series of five stages


@pytest.fixture
def bench(checkpoint: Path, base: BaseModel, tmp_path: Path) -> Bench:
    settings = Settings(str(checkpoint), "person", 0, (), SamplingSettings(steps=5))
    judge, people = EmbeddedJudge(checkpoint), FaceWorldPeople()
    folder, denoise = Folder(tmp_path), torch_denoiser(base)
    return Bench(settings, folder, base, denoise, judge, people, METHODS, (0, 1), 1)


def test_stages_are_drawn_once_and_measured(bench: Bench) -> None:
    quick = replace(bench.settings, sampling=SamplingSettings(steps=1))
    bench = replace(bench, settings=quick)
    out = bench.folder.root / "stages"
    told: list[tuple[int, int]] = []
    stages.study(bench, lambda *progress: told.append(progress))
    assert told[-1] == (SETTINGS, SETTINGS)
    table = pd.read_csv(out / "table.csv")
    plain = table[table["setting"] == name_of(np.zeros((5, 2), np.float32))]
    assert (plain["layout"] > 0.999).all()
    assert (plain["surroundings"] == 0).all()
    assert len(pd.read_csv(out / "scores.csv")) == SETTINGS * 2 * 3
    assert "Keys carry the identity" in (out / "table.md").read_text()
    made = {path: path.stat().st_mtime_ns for path in out.glob("k*.png")}
    stages.study(bench, lambda *_: None)
    assert {path: path.stat().st_mtime_ns for path in made} == made
    with pytest.raises(EvaluationError, match="--seeds"):
        stages.study(replace(bench, seeds=2), lambda *_: None)


def test_attention_is_kept_of_every_token_and_method(bench: Bench) -> None:
    attention.study(bench, lambda *_: None)
    with np.load(bench.folder.root / "attention/0001.npz") as kept:
        assert kept["tokens"].tolist() == [
            "a",
            "photo",
            "of",
            "V*",
            "wearing",
            "sunglasses",
            "in",
            "the",
            "snow",
        ]
        assert kept["methods"].tolist() == ["plain", "textual-inversion", "5kv-none", "5kv-all"]
        assert kept["maps"].shape == (4, 5, 9, *bench.base.latent_shape[1:])
        shares = kept["maps"].astype(np.float32).sum(axis=2)
    assert (shares > 0).all()
    assert (shares < 1).all()  # begin, end and padding take the rest


def test_attention_of_another_config_is_recorded_anew(bench: Bench) -> None:
    def recorded() -> tuple[int, list[str]]:
        attention.study(bench, lambda *_: None)
        path = bench.folder.root / "attention/0000.npz"
        with np.load(path) as kept:
            return path.stat().st_mtime_ns, kept["keys"].tolist()

    before = recorded()
    assert recorded() == before
    changed = replace(QUICK, attention_loss="none")
    bench = replace(bench, methods=METHODS | {"5kv-none": changed})
    assert config_key(changed) in recorded()[1]


def test_curves_go_from_before_the_first_step_to_the_last(bench: Bench) -> None:
    curves.study(bench, lambda *_: None)
    curve = pd.read_csv(bench.folder.root / "curves" / f"{config_key(QUICK)}.csv")
    assert curve["step"].tolist() == list(range(11))
    assert curve["norm"][0] == pytest.approx(1)
    assert curve["denoising"].isna().tolist() == [True] + [False] * 10
    assert (curve["id_low"] <= curve["id"]).all()
    assert (curve["people"] == 2).all()
    curves.study(replace(bench, numbers=(0,)), lambda *_: None)
    curve = pd.read_csv(bench.folder.root / "curves" / f"{config_key(QUICK)}.csv")
    assert (curve["people"] == 1).all()


def test_substitutions_hold_the_identity_where_their_label_says() -> None:
    series = substitutions(5)
    from_2, up_to_1 = series["from"].strengths["from stage 2"], series["up-to"].strengths
    np.testing.assert_array_equal(from_2 + up_to_1["up to stage 1"], np.ones((5, 2)))
    assert series["one"].strengths["stage 3 only"].sum(axis=1).tolist() == [0, 0, 0, 2, 0]
    assert series["kind"].strengths["keys only"].sum(axis=0).tolist() == [5, 0]
    every = {name_of(each) for some in series.values() for each in some.strengths.values()}
    assert len(every) == SETTINGS


def test_layout_is_that_of_large_areas() -> None:
    rng = np.random.default_rng(0)
    areas = rng.integers(60, 200, (3, 8, 8, 1), np.uint8).repeat(8, axis=1).repeat(8, axis=2)
    picture = areas.repeat(3, axis=3)
    detail = np.tile([[20, -20], [-20, 20]], (32, 32))[None, ..., None]
    np.testing.assert_allclose(
        layout_similarity(picture, (picture + detail).astype(np.uint8)), 1, atol=1e-3
    )
    np.testing.assert_allclose(layout_similarity(picture, 255 - picture), -1, atol=1e-3)
    assert (np.abs(layout_similarity(picture, picture[[1, 2, 0]])) < 0.5).all()


def test_surroundings_leave_out_the_middle() -> None:
    one = np.zeros((1, 16, 16, 3), np.uint8)
    middle, corner = one.copy(), one.copy()
    middle[:, 2:14, 2:14] = 255
    corner[:, :2] = 255
    assert surroundings_difference(one, middle) == 0
    np.testing.assert_allclose(surroundings_difference(one, corner), 32 / (256 - 144))


def test_findings_compare_settings_person_by_person() -> None:
    series = substitutions(5)
    settings = {name_of(each) for some in series.values() for each in some.strengths.values()}
    keys = name_of(series["kind"].strengths["keys only"])
    scores = pd.DataFrame(
        {"setting": name, "person": person, "layout": 0.5, "surroundings": person}
        | {"id": person + (0.5 if name == keys else 0)}
        for name in settings
        for person in range(4)
    )
    verdicts = {each.claim: each.verdict for each in findings(scores, series)}
    assert verdicts == {
        "The first stages settle the layout": "undecided",
        "The last stages draw the identity": "undecided",
        "Keys carry the identity": "as in the paper",
        "Values carry the surroundings": "undecided",
    }
    assert len(findings(scores_of_one_stage(), substitutions(1))) == 2


def scores_of_one_stage() -> pd.DataFrame:
    some = list(substitutions(1).values())
    names = {name_of(strength) for each in some for strength in each.strengths.values()}
    measures = {"layout": 1.0, "surroundings": 0.0, "id": 1.0}
    return pd.DataFrame(
        {"setting": name, "person": person, **measures} for name in names for person in range(2)
    )
