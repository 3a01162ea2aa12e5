"""Triton servers are scaled by how long drawings wait; promtool asks the query."""

import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from tests.k8s.conftest import Manifest, of_kind, render

LABELS = "job='test-triton',namespace='likeness'"
QUEUED = f"likeness_sampler_phase_seconds_total{{phase='queue',{LABELS},instance='%s'}}"
DRAWN = f"likeness_sampler_requests_total{{outcome='drawn',{LABELS},instance='%s'}}"


def scaler() -> Manifest:
    return of_kind(render("everything"), "ScaledObject")["spec"]


def test_it_scales_triton() -> None:
    triton = of_kind(render("everything"), "Deployment", "test-triton")
    assert scaler()["scaleTargetRef"]["name"] == triton["metadata"]["name"]
    assert "replicas" not in triton["spec"]  # or each upgrade would set them back
    assert (
        of_kind(render("values-production"), "Deployment", "test-triton")["spec"]["replicas"] == 2
    )


def test_it_asks_the_users_prometheus() -> None:
    (trigger,) = scaler()["triggers"]
    assert trigger["metadata"]["serverAddress"] == "http://prometheus.monitoring:9090"
    assert (trigger["metricType"], float(trigger["metadata"]["threshold"])) == ("Value", 2.0)


def test_servers_go_one_by_one() -> None:
    down = scaler()["advanced"]["horizontalPodAutoscalerConfig"]["behavior"]["scaleDown"]
    assert [each["value"] for each in down["policies"]] == [1]


@pytest.mark.parametrize(
    ("series", "seconds"),
    [
        ({}, 0),
        ({QUEUED % "a": "5+0x9", DRAWN % "a": "7+0x9"}, 0),  # nobody draws
        # Two servers: 30 s of waiting and 3 drawings in 15 s, 6 s and 1.
        (
            {
                QUEUED % "a": "0+30x9",
                DRAWN % "a": "0+3x9",
                QUEUED % "b": "0+6x9",
                DRAWN % "b": "0+1x9",
            },
            9,
        ),
    ],
)
def test_the_query_is_the_mean_wait(tmp_path: Path, series: dict[str, str], seconds: float) -> None:
    (trigger,) = scaler()["triggers"]
    expected = {"labels": "{}", "value": seconds}
    case = {
        "interval": "15s",
        "input_series": [{"series": name, "values": values} for name, values in series.items()],
        "promql_expr_test": [
            {"expr": trigger["metadata"]["query"], "eval_time": "2m", "exp_samples": [expected]}
        ],
    }
    file = tmp_path / "test.yaml"
    file.write_text(yaml.safe_dump({"tests": [case]}))
    command = [str(Path(sys.executable).parent / "promtool"), "test", "rules", str(file)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
