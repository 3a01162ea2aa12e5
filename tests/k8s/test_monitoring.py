"""What Prometheus Operator is told, against the metrics that gateway and sampler really have."""

import json

import pytest
import yaml

from deploy.monitoring.dashboards import BOARDS
from deploy.monitoring.dashboards.grafana import to_json
from deploy.monitoring.dashboards.panel import Board
from deploy.monitoring.rules import FILE
from tests.k8s.conftest import of_kind, render

PROFILE = "values-production"


def test_nothing_for_an_operator_that_may_not_be_there() -> None:
    kinds = {each["kind"] for each in render()}
    assert not kinds & {"ServiceMonitor", "PrometheusRule"}


@pytest.mark.parametrize(("component", "port"), [("gateway", 9464), ("triton", 8002)])
def test_every_monitor_finds_a_service_with_metrics(component: str, port: int) -> None:
    manifests = render(PROFILE)
    monitor = of_kind(manifests, "ServiceMonitor", f"test-{component}")["spec"]
    wanted = monitor["selector"]["matchLabels"]
    found = [
        (service["metadata"]["name"], each["port"])
        for service in manifests
        if service["kind"] == "Service" and wanted.items() <= service["metadata"]["labels"].items()
        for each in service["spec"]["ports"]
        if each["name"] == monitor["endpoints"][0]["port"]
    ]
    # A Service's name is the label `job` of what is scraped through it, by which rules choose.
    assert found == [({"gateway": "test-metrics", "triton": "test-triton"}[component], port)]


def test_labels_choose_a_prometheus() -> None:
    manifests = render(PROFILE, 'monitoring.labels={"release": "prometheus"}')
    for each in manifests:
        if each["kind"] in ("ServiceMonitor", "PrometheusRule"):
            assert each["metadata"]["labels"]["release"] == "prometheus"


def test_the_rules_are_those_that_promtool_tests_for_this_release() -> None:
    manifests = render(PROFILE, 'monitoring.runbooks="https://runbooks.example/likeness/"')
    text = of_this_release(FILE.read_text())
    text = text.replace("docs/runbooks", "https://runbooks.example/likeness")
    assert of_kind(manifests, "PrometheusRule")["spec"] == yaml.safe_load(text)


@pytest.mark.parametrize("board", BOARDS, ids=lambda board: board.name)
def test_the_dashboards_are_those_of_the_code_for_this_release(board: Board) -> None:
    config = of_kind(render(PROFILE), "ConfigMap", f"test-dashboard-{board.name}")
    assert config["metadata"]["labels"]["grafana_dashboard"] == "1"
    (text,) = config["data"].values()
    assert json.loads(text) == json.loads(of_this_release(to_json(board)))


def of_this_release(text: str) -> str:
    for job, service in (("gateway", "test-metrics"), ("triton", "test-triton")):
        labels = f"job='{service}',namespace='likeness'"
        text = text.replace(f"job='likeness-{job}'", labels)
    assert "likeness-gateway" not in text
    return text
