"""What Prometheus Operator scrapes."""

import pytest

from tests.k8s.conftest import of_kind, render

PROFILE = "values-production"


def test_nothing_for_an_operator_that_may_not_be_there() -> None:
    assert not {each["kind"] for each in render()} & {"ServiceMonitor", "PrometheusRule"}


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


@pytest.mark.parametrize("component", ["gateway", "triton"])
def test_labels_choose_a_prometheus(component: str) -> None:
    monitor = of_kind(render("everything"), "ServiceMonitor", f"test-{component}")
    assert monitor["metadata"]["labels"]["release"] == "prometheus"
