"""What the paper says of stages, keys and values, held against what was measured (IV-H)."""

from dataclasses import dataclass

import pandas as pd

from evaluation.statistics import Estimate, differences
from evaluation.studies.substitution import Series, name_of


@dataclass(frozen=True)
class Finding:
    """A sentence of the paper as a difference that it says is above zero.

    Attributes:
        claim: the sentence.
        measure: what the difference is of, with its two settings.
        difference: person by person.
    """

    claim: str
    measure: str
    difference: Estimate

    @property
    def verdict(self) -> str:
        """``as in the paper``, ``the opposite`` or ``undecided``."""
        if not self.difference.differs_from_zero:
            return "undecided"
        return "as in the paper" if self.difference.mean > 0 else "the opposite"


def findings(scores: pd.DataFrame, series: dict[str, Series]) -> list[Finding]:
    """The paper's four claims; without stages, only those on keys and values.

    Args:
        scores: a row a picture, as ``stages/scores.csv``.
        series: what :func:`substitutions` gives.
    """
    stages = len(series["up-to"].strengths) - 1
    half = stages // 2
    first, last = f"up to stage {half - 1}", f"from stage {stages - half}"
    claims = [
        ("The first stages settle the layout", "layout", ("from", last), ("up-to", first)),
        ("The last stages draw the identity", "id", ("from", last), ("up-to", first)),
        ("Keys carry the identity", "id", ("kind", "keys only"), ("kind", "values only")),
        (
            "Values carry the surroundings",
            "surroundings",
            ("kind", "values only"),
            ("kind", "keys only"),
        ),
    ]
    names = {"layout": "Layout", "id": "ID", "surroundings": "Surroundings"}
    found = []
    for claim, measure, one, other in claims[0 if half else 2 :]:
        per_person = [
            scores[scores["setting"] == name_of(series[key].strengths[label])]
            .groupby("person")[[measure]]
            .mean()
            for key, label in (one, other)
        ]
        difference = differences(*per_person)[measure]
        found.append(Finding(claim, f"{names[measure]}, {one[1]} minus {other[1]}", difference))
    return found
