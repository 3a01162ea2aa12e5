"""Means over people with bootstrap intervals."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.stats import bootstrap
from scipy.stats import norm as normal
from scipy.stats import t as student

_RESAMPLES = 9999
_BATCH = 500  # resamples held in memory at once


@dataclass(frozen=True)
class Estimate:
    """A mean over people and its 95 % interval; None with a single person."""

    mean: float
    low: float | None
    high: float | None

    @property
    def differs_from_zero(self) -> bool:
        """Whether the interval leaves out zero."""
        return self.low is not None and self.high is not None and self.low * self.high > 0


def estimates(per_person: pd.DataFrame) -> dict[str, Estimate]:
    """Mean of each column over people (rows), with the percentile bootstrap over people.

    People are resampled, prompts and seeds are not: the figures hold for further people under the
    same prompts. Of few people the percentiles lie too near to each other (of eight normal figures
    they hold the mean in 88 % and not 95 %), so they are taken further out, as far as for Student's
    t (the expanded percentile interval; Hesterberg 2015).
    """
    values = per_person.to_numpy(float)
    means = values.mean(axis=0)
    lows: Sequence[float | None] = [None] * len(means)
    highs: Sequence[float | None] = [None] * len(means)
    if len(values) > 1:
        interval = bootstrap(
            (values,),
            np.mean,
            axis=0,
            method="percentile",
            confidence_level=_expanded(len(values)),
            n_resamples=_RESAMPLES,
            batch=_BATCH,
            rng=np.random.default_rng(0),
        ).confidence_interval
        lows, highs = interval.low.tolist(), interval.high.tolist()
    return {
        str(name): Estimate(float(mean), low, high)
        for name, mean, low, high in zip(per_person.columns, means, lows, highs, strict=True)
    }


def _expanded(people: int) -> float:
    """Level of the percentiles that hold the mean of so many people in 95 % of all samples."""
    reach = math.sqrt(people / (people - 1)) * student.ppf(0.975, people - 1)
    return float(1 - 2 * normal.sf(reach))


def differences(one: pd.DataFrame, other: pd.DataFrame) -> dict[str, Estimate]:
    """One minus the other, person by person, over the people and columns that both have."""
    people, columns = one.index.intersection(other.index), one.columns.intersection(other.columns)
    if people.empty or columns.empty:
        return {}
    return estimates(one.loc[people, columns] - other.loc[people, columns])
