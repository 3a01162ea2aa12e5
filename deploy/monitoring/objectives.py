"""What the service promises, and the alerts on how fast it uses up what it may miss.

A share of events may be bad: the budget. Alerts look at two windows at once, as the Site
Reliability Workbook has it (chapter 5, "multiwindow, multi-burn-rate alerts"): the long one says
that it matters, the short one that it still goes on.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from deploy.monitoring.alerts import Alert, Record, Severity
from deploy.monitoring.selectors import GATEWAY, GROUP, OUR_FAULT

GENERATION_SECONDS = 10
"""A bucket of ``likeness_generation_seconds``."""
TRAINING_SECONDS = 600
"""A bucket of ``likeness_training_seconds``."""


@dataclass(frozen=True)
class Objective:
    """A promise.

    Attributes:
        name: in recorded series, ``likeness:NAME:ratio_rate1h``.
        title: in alerts, ``LikenessTITLEBudgetBurnsFast``.
        target: share of good events.
        bad, all: counts of events, as PromQL with ``$window`` in place of a duration.
        sentence: what is promised.
        runbook: file in docs/runbooks, without its suffix.
    """

    name: str
    title: str
    target: float
    bad: str
    all: str
    sentence: str
    runbook: str

    @property
    def budget(self) -> float:
        """The share of events that may be bad."""
        return round(1 - self.target, 6)


def _slower_than(metric: str, seconds: int) -> tuple[str, str]:
    """Bad and all of a histogram's successes, as rates."""
    labels = f'{GATEWAY},outcome="succeeded"'
    every = f"sum by ({GROUP}) (rate({metric}_count{{{labels}}}[$window]))"
    quick = f'sum by ({GROUP}) (rate({metric}_bucket{{{labels},le="{seconds}.0"}}[$window]))'
    return f"{every} - {quick}", every


OBJECTIVES = (
    Objective(
        "rpc_failures",
        "Availability",
        0.999,
        f"sum by ({GROUP}) "
        f'(rate(grpc_server_handled_total{{{GATEWAY},grpc_code=~"{OUR_FAULT}"}}[$window]))'
        f" or 0 * sum by ({GROUP}) (rate(grpc_server_handled_total{{{GATEWAY}}}[$window]))",
        f"sum by ({GROUP}) (rate(grpc_server_handled_total{{{GATEWAY}}}[$window]))",
        "99.9 % of calls do not fail on our side",
        "availability",
    ),
    Objective(
        "slow_generations",
        "GenerationTime",
        0.95,
        *_slower_than("likeness_generation_seconds", GENERATION_SECONDS),
        f"95 % of drawings take at most {GENERATION_SECONDS} s",
        "generation-time",
    ),
    Objective(
        "slow_trainings",
        "TrainingTime",
        0.95,
        *_slower_than("likeness_training_seconds", TRAINING_SECONDS),
        f"95 % of trainings are ready in {TRAINING_SECONDS // 60} minutes",
        "training-time",
    ),
)

WINDOWS = ("5m", "30m", "1h", "2h", "6h", "1d", "3d")
Burns = tuple[tuple[str, str, float], ...]
FAST: Burns = (("1h", "5m", 14.4), ("6h", "30m", 6))
"""Long window, short window, and how many times too fast: 2 % of a month's budget in an hour, 5 %
in six hours."""
SLOW: Burns = (("1d", "2h", 3), ("3d", "6h", 1))
"""10 % of a month's budget in a day, or in three."""


def records() -> Iterator[Record]:
    """Each objective's share of bad events, over all windows."""
    for objective in OBJECTIVES:
        for window in WINDOWS:
            bad, all = (each.replace("$window", window) for each in (objective.bad, objective.all))
            yield Record(f"likeness:{objective.name}:ratio_rate{window}", f"({bad}) / ({all})")


def alerts() -> Iterator[Alert]:
    """Two alerts for each objective."""
    speeds: tuple[tuple[str, Burns, Severity], ...]
    speeds = (("Fast", FAST, "critical"), ("Slowly", SLOW, "warning"))
    for objective in OBJECTIVES:
        for speed, burns, severity in speeds:
            yield Alert(
                name=f"Likeness{objective.title}BudgetBurns{speed}",
                expression=" or ".join(_burning(objective, *burn) for burn in burns),
                severity=severity,
                summary=f"The budget of '{objective.sentence}' is used up "
                f"{' or '.join(f'{factor:g}' for _, _, factor in burns)} times too fast.",
                runbook=objective.runbook,
            )


def _burning(objective: Objective, long: str, short: str, factor: float) -> str:
    limit = round(factor * objective.budget, 6)
    series = f"likeness:{objective.name}:ratio_rate"
    return (
        f"(max by ({GROUP}) ({series}{long}{{{GATEWAY}}}) > {limit:g}"
        f" and max by ({GROUP}) ({series}{short}{{{GATEWAY}}}) > {limit:g})"
    )
