"""A config says what is wrong with it, in one line with the field's name and its limit."""

import json
import re
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trainer.config import PRESETS, TrainingConfig, configured
from trainer.errors import InputError


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"stages": 0}, "stages: must be greater than or equal to 1, got 0"),
        ({"stages": 11}, "stages: must be less than or equal to 10, got 11"),
        ({"stages": "five"}, "stages: must be a valid integer"),
        ({"attention_loss": "#3"}, "attention_loss: must be 'none', 'identity', 'prompt' or 'all'"),
        ({"attention_weight": -1}, "attention_weight: must be greater than or equal to 0, got -1"),
        ({"attention_weight": float("inf")}, "attention_weight: must be a finite number"),
        ({"attention_layers": []}, "attention_layers: must have at least 1 item"),
        ({"attention_layers": [8, 0]}, "attention_layers: must be greater than or equal to 1"),
        ({"norm_weight": -0.1}, "norm_weight: must be greater than or equal to 0"),
        ({"norm_bound": 0}, "norm_bound: must be greater than 0"),
        ({"offset_bound": 0}, "offset_bound: must be greater than 0"),
        ({"batch": 0}, "batch: must be greater than or equal to 1"),
        ({"steps": 1.5}, "steps: must be a valid integer"),
        ({"average_from": 1.1}, "average_from: must be less than or equal to 1"),
        ({"flip": float("nan")}, "flip: must be"),
        ({"smallest_scale": 0}, "smallest_scale: must be greater than 0"),
        ({"smallest_scale": 1.01}, "smallest_scale: must be less than or equal to 1"),
        ({"prompts": []}, "prompts: must have at least 1 item"),
        ({"prompts": ["a photo"]}, "prompts: must match pattern"),
        ({"prompts": ["{} beside {}"]}, "prompts: must match pattern"),
        ({"timestep_sampling": "all"}, "timestep_sampling: must be 'uniform', 'stratified' or"),
        ({"initialisation": "zero"}, "initialisation: must be 'names' or 'noun'"),
        ({"train_word": False, "offset_learning_rate": 0}, "offset_learning_rate: must be above 0"),
        ({"learning_rate": 0, "offset_learning_rate": 0}, "offset_learning_rate: must be above 0"),
        ({"stage": 5}, "stage: is no field of the training config"),
    ],
)
def test_what_is_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError) as caught:
        configured("default", changes)
    assert caught.value.reason == "INVALID_CONFIG"
    assert str(caught.value).startswith(message)
    assert "\n" not in str(caught.value)


@given(
    st.fixed_dictionaries(
        {},
        optional={
            "stages": st.integers(1, 10),
            "attention_layers": st.none() | st.lists(st.integers(1, 64), min_size=1),
            "prompts": st.lists(st.sampled_from(["a {}", "a photo of {}"]), min_size=1),
            "smallest_scale": st.floats(0.01, 1),
            "norm_bound": st.none() | st.floats(0.1, 10),
        },
    ),
    st.sampled_from(sorted(PRESETS)),
)
def test_json_and_back(changes: dict[str, Any], preset: str) -> None:
    config = configured(preset, changes)
    assert TrainingConfig(**json.loads(json.dumps(config.to_json()))) == config


def test_the_documentation_lists_every_field_and_its_default() -> None:
    page = Path(__file__).parents[2] / "docs/training.md"
    settings, _, _ = page.read_text().partition("\n## ")
    rows = re.findall(r"^\| `(\w+)` \| (.*?) \|", settings, re.MULTILINE)
    assert [name for name, _ in rows] == [field.name for field in fields(TrainingConfig)]
    assert TrainingConfig(**{name: _value(text) for name, text in rows}) == TrainingConfig()


def _value(text: str) -> Any:
    try:
        return json.loads(text.strip("`"))
    except json.JSONDecodeError:
        return text.strip("`")
