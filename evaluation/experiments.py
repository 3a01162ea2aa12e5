"""What is compared with what, and over how many people and seeds."""

from collections.abc import Mapping
from dataclasses import dataclass

from evaluation.methods import (
    ABLATION,
    DEFAULT,
    KEY_VALUE_COUNTS,
    LAMBDAS,
    METHODS,
    STEPS,
    TOKENS,
)


@dataclass(frozen=True)
class Experiment:
    """Methods side by side.

    Attributes:
        title: of its table or plot.
        rows: label to a name of :data:`evaluation.methods.METHODS`; the first is what the others
            are compared with, person by person.
        identities, seeds: at most so many; rows of lesser weight make do with fewer.
    """

    title: str
    rows: Mapping[str, str]
    identities: int = 32
    seeds: int = 4


EXPERIMENTS: Mapping[str, Experiment] = {
    "table1": Experiment(
        "Tables I and II: methods",
        {
            "5 K-V & #3 (default)": "5kv-all",
            "textual inversion": "textual-inversion",
            "ProSpect-style": "prospect",
            "preset `paper`": "paper",
        },
    ),
    "table3": Experiment(
        "Table III: K-V pairs and the attention loss",
        {
            "5 K-V & #3": "5kv-all",
            "5 K-V & #1": "5kv-identity",
            "5 K-V & #2": "5kv-prompt",
            "5 K-V, no loss": "5kv-none",
            "1 K-V & #3": "1kv-all",
            "10 K-V & #3": "10kv-all",
        },
    ),
    "lambda": Experiment(
        "Weight of the attention loss",
        {"0": "5kv-none"} | {f"{value:g}": f"lambda {value:g}" for value in LAMBDAS},
        identities=16,
        seeds=1,
    ),
    "tokens": Experiment(
        "Tokens under the attention loss, each of weight 1",
        {"no loss": "5kv-none"}
        | {f"#{number}": f"sum over {each}" for number, each in enumerate(TOKENS, start=1)},
        identities=16,
        seeds=1,
    ),
    "kv-count": Experiment(
        "Number of K-V pairs",
        {f"{count}": f"{count} K-V" for count in KEY_VALUE_COUNTS},
        identities=16,
        seeds=1,
    ),
    "steps": Experiment(
        "Steps of training",
        {f"{steps} steps": f"{steps} steps" for steps in STEPS}
        | {f"textual inversion, {steps} steps": f"{steps} steps, one vector" for steps in STEPS}
        | {"preset `paper`, 200 steps": "paper", "preset `paper`, 400 steps": "paper, 400 steps"},
        identities=16,
        seeds=1,
    ),
    "ablation": Experiment(
        "Beyond the paper, one change at a time",
        {"default": "5kv-all"} | {label: label for label in ABLATION if METHODS[label] != DEFAULT},
        identities=16,
        seeds=1,
    ),
}
"""In the order of their weight: the first ones are drawn first."""
