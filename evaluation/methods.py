"""The method space of the paper's tables, and what goes beyond the paper, as training configs.

Every method but ``paper`` differs from the shipped default in what its name says and in nothing
else: steps, augmentation, decay and averaging of iterates are the same, so that a comparison
tells the methods apart and not the care that went into them. Learning rates of the two ends of the
comparison, one vector and 5 K-V & #3, come from searches of equal budget on validation people
(:mod:`evaluation.search`).
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from trainer.config import PRESETS, TrainingConfig

DEFAULT = PRESETS["default"]

ONE_VECTOR: Mapping[str, Any] = {
    "stages": 1,
    "split_keys_values": False,
    "attention_loss": "none",
    "offset_learning_rate": 0.0,  # v* itself is the one vector
    "learning_rate": 0.01,
    "average_from": 0.5,
}
"""What makes textual inversion of the default."""

LAMBDAS = tuple(DEFAULT.attention_weight * factor for factor in (1, 3, 10, 30, 100, 300, 1000))
TOKENS = ("identity", "prompt", "all")
KEY_VALUE_COUNTS = (1, 2, 3, 5, 7, 10)
STEPS = (200, 150, 100)

_TEMPLATES = (
    "a photo of the face of {}",
    "a photo of {}",
    "a picture of the face of {}",
    "a portrait of {}",
)

ABLATION: Mapping[str, Mapping[str, Any]] = {
    "v* starts from the class noun": {"initialisation": "noun"},
    "v* starts from the mean of names": {"initialisation": "names"},
    "vectors from the generator": {"generator": True, "offset_learning_rate": 0.0003},
    "no shared v*, no bound": {
        "train_word": False,
        "offset_bound": None,
        "offset_learning_rate": 0.005,
    },
    "timesteps uniform": {"timestep_sampling": "uniform"},
    "timesteps stratified": {"timestep_sampling": "stratified"},
    "timesteps balanced over stages": {"timestep_sampling": "stages"},
    "loss weight uniform": {"loss_weight": "uniform"},
    "the face prompt": {"prompts": _TEMPLATES[:1]},
    "four prompt templates": {"prompts": _TEMPLATES},
    "norm penalty": {"norm_weight": 0.1},
    "augmentation of the preset paper": {"jitter": 0.1, "smallest_scale": 0.6},
    "no averaging of iterates": {"average_from": 1.0},
    "no decay of learning rates": {"decay": False},
    "absolute difference of maps": {"attention_norm": "absolute"},
}
"""What differs from the default in each row; a row that is the default is left out."""


def _methods() -> dict[str, TrainingConfig]:
    one = {"stages": 1}
    changes: dict[str, Mapping[str, Any]] = {
        "5kv-all": {},
        "textual-inversion": ONE_VECTOR,
        "prospect": {"stages": 10, "split_keys_values": False, "attention_loss": "none"},
        "5kv-none": {"attention_loss": "none"},
        "5kv-identity": {"attention_loss": "identity"},
        "5kv-prompt": {"attention_loss": "prompt"},
        "1kv-all": one,
        "10kv-all": {"stages": 10},
    }
    changes |= {f"lambda {value:g}": {"attention_weight": value} for value in LAMBDAS}
    alike = {"attention_reduction": "sum", "attention_weight": 1.0}
    changes |= {f"sum over {tokens}": {"attention_loss": tokens, **alike} for tokens in TOKENS}
    changes |= {f"{count} K-V": {"stages": count} for count in KEY_VALUE_COUNTS}
    for steps in STEPS:
        changes[f"{steps} steps"] = {"steps": steps}
        changes[f"{steps} steps, one vector"] = {**ONE_VECTOR, "steps": steps}
    changes |= ABLATION
    methods = {name: replace(DEFAULT, **fields) for name, fields in changes.items()}
    paper = PRESETS["paper"]
    twice = replace(paper, steps=2 * paper.steps)
    return methods | {"paper": paper, f"paper, {twice.steps} steps": twice}


METHODS: Mapping[str, TrainingConfig] = _methods()
"""Training configs by name. Two names may have one config: it is learned and drawn once."""
