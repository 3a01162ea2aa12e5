"""Every alert fires when it should and only then, as a real promtool evaluates the rules."""

import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml

from deploy.monitoring.rules import FILE, RUNBOOKS, document, every_alert

ROOT = Path(__file__).parents[2]
GATEWAY, TRITON = 'job="likeness-gateway"', 'job="likeness-triton"'

Series = dict[str, str]
"""Values a minute by metric, in promtool's notation: ``0+5x60`` grows by 5 for 60 minutes."""


@dataclass(frozen=True)
class Case:
    """What an alert is about: trouble, and the same without it."""

    alert: str
    bad: Series
    good: Series
    fires_at: str = "65m"
    quiet_until: str = "0m"


def gauge(name: str, value: float, labels: str = GATEWAY) -> Series:
    return {f"{name}{{{labels}}}": f"{value}x70"}


def counts(name: str, label: str, per_minute: dict[str, float], job: str = GATEWAY) -> Series:
    return {
        f'{name}{{{job},{label}="{value}"}}': f"0+{each}x70" for value, each in per_minute.items()
    }


def calls(failed: float) -> Series:
    per_minute = {"OK": 10000 * (1 - failed), "UNAVAILABLE": 10000 * failed, "NOT_FOUND": 100}
    return counts("grpc_server_handled_total", "grpc_code", per_minute)


def slow(metric: str, bound: int, share: float) -> Series:
    labels = f'{GATEWAY},outcome="succeeded"'
    return {
        f"{metric}_count{{{labels}}}": "0+100x70",
        f'{metric}_bucket{{{labels},le="{bound}.0"}}': f"0+{100 * (1 - share)}x70",
    }


def drawings(share: float) -> Series:
    return slow("likeness_generation_seconds", 10, share)


def trainings(share: float) -> Series:
    return slow("likeness_training_seconds", 600, share)


def attempts(failed: float) -> Series:
    per_minute = {"succeeded": 10 - failed, "failed": failed, "stopped": 5}
    return counts("likeness_training_attempts_total", "outcome", per_minute)


def requests(refused: float) -> Series:
    per_minute = {"drawn": 100 - refused, "refused": refused}
    return counts("likeness_sampler_requests_total", "outcome", per_minute, TRITON)


def blobs(failed: float) -> Series:
    per_minute = {"ok": 100, "failed": failed}
    return counts("likeness_blob_seconds_count", "outcome", per_minute)


def reloads(per_minute: float) -> Series:
    return counts("likeness_model_reloads_total", "model", {"unet": per_minute})


STORE, UP, LEADING = "likeness_store_up", "likeness_triton_up", "likeness_leading"
OLDEST = "likeness_training_queue_oldest_seconds"
CASES = (
    Case("LikenessAvailabilityBudgetBurnsFast", calls(0.02), calls(0.004)),
    Case("LikenessAvailabilityBudgetBurnsSlowly", calls(0.004), calls(0.0005)),
    Case("LikenessGenerationTimeBudgetBurnsFast", drawings(0.8), drawings(0.2)),
    Case("LikenessGenerationTimeBudgetBurnsSlowly", drawings(0.2), drawings(0.04)),
    Case("LikenessTrainingTimeBudgetBurnsFast", trainings(0.8), trainings(0.2)),
    Case("LikenessTrainingTimeBudgetBurnsSlowly", trainings(0.2), trainings(0.04)),
    Case("LikenessGatewaysGone", gauge("up", 0), gauge("up", 1), "3m", "1m"),
    Case("LikenessStoreDown", gauge(STORE, 0), gauge(STORE, 1), "2m", "1m"),
    Case("LikenessTritonDown", gauge(UP, 0), gauge(UP, 1), "3m", "2m"),
    Case("LikenessTritonNotScraped", {}, gauge("up", 1, TRITON), "5m", "4m"),
    Case("LikenessNobodyDispatches", gauge(LEADING, 0), gauge(LEADING, 1), "2m", "1m"),
    Case("LikenessModelsDieOften", reloads(0.5), reloads(0.1)),
    Case("LikenessTrainingsWaitLong", gauge(OLDEST, 1900), gauge(OLDEST, 1700), "5m", "4m"),
    Case("LikenessTrainingsFail", attempts(3), attempts(1), "12m", "10m"),
    Case("LikenessDrawingsRefused", requests(10), requests(2), "12m", "10m"),
    Case("LikenessStorageFails", blobs(1), blobs(0.2)),
)


def promtool(*arguments: str) -> None:
    command = [str(Path(sys.executable).parent / "promtool"), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def firing(alert: str, at: str, count: int) -> dict[str, object]:
    return {
        "expr": f'sum(ALERTS{{alertname="{alert}",alertstate="firing"}}) or vector(0)',
        "eval_time": at,
        "exp_samples": [{"labels": "{}", "value": count}],
    }


def test_the_file_is_of_this_code() -> None:
    assert FILE.read_text() == document(), "python -m deploy.monitoring.rules"
    promtool("check", "rules", str(FILE))


def test_every_alert_fires_in_trouble_and_only_then(tmp_path: Path) -> None:
    assert [case.alert for case in CASES] == [alert.name for alert in every_alert()]
    tests = [
        {
            "interval": "1m",
            "input_series": [{"series": name, "values": each} for name, each in series.items()],
            "promql_expr_test": [
                firing(case.alert, case.quiet_until, 0),
                firing(case.alert, case.fires_at, count),
            ],
        }
        for case in CASES
        for series, count in ((case.bad, 1), (case.good, 0))
    ]
    path = tmp_path / "tests.yaml"
    whole = {"rule_files": [str(FILE)], "evaluation_interval": "1m", "tests": tests}
    path.write_text(yaml.safe_dump(whole))
    promtool("test", "rules", str(path))


def test_a_budget_that_burns_no_more_is_no_alarm(tmp_path: Path) -> None:
    alert = "LikenessAvailabilityBudgetBurnsFast"
    ok, failed = (
        f'grpc_server_handled_total{{{GATEWAY},grpc_code="{code}"}}' for code in ("OK", "INTERNAL")
    )
    over = {
        "interval": "1m",
        "input_series": [
            {"series": ok, "values": "0+900x110"},
            {"series": failed, "values": "0+100x60 6000x50"},
        ],
        "promql_expr_test": [firing(alert, "60m", 1), firing(alert, "100m", 0)],
    }
    path = tmp_path / "tests.yaml"
    whole = {"rule_files": [str(FILE)], "evaluation_interval": "1m", "tests": [over]}
    path.write_text(yaml.safe_dump(whole))
    promtool("test", "rules", str(path))


@pytest.mark.parametrize("runbook", sorted({alert.runbook for alert in every_alert()}))
def test_every_alert_has_a_page(runbook: str) -> None:
    page = (ROOT / RUNBOOKS / f"{runbook}.md").read_text()
    for heading in ("## What it means", "## How to see", "## What to do"):
        assert heading in page
    for alert in every_alert():
        if alert.runbook == runbook:
            assert f"`{alert.name}`" in page


def test_no_page_without_an_alert() -> None:
    pages = {path.stem for path in (ROOT / RUNBOOKS).glob("*.md")} - {"README"}
    assert pages == {alert.runbook for alert in every_alert()}
