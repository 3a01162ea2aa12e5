"""What Prometheus Operator is told, against the metrics that the gateway really has."""

import re

from service.metrics import Metrics
from tests.k8s.conftest import of_kind, render

PROFILE = "values-production"


def test_nothing_for_an_operator_that_may_not_be_there() -> None:
    kinds = {each["kind"] for each in render()}
    assert not kinds & {"ServiceMonitor", "PrometheusRule"}


def test_every_monitor_finds_a_service_with_metrics() -> None:
    manifests = render(PROFILE)
    for component, port in (("gateway", 9464), ("triton", 8002)):
        monitor = of_kind(manifests, "ServiceMonitor", f"test-{component}")["spec"]
        wanted = monitor["selector"]["matchLabels"]
        ports = [
            each["port"]
            for service in manifests
            if service["kind"] == "Service"
            and wanted.items() <= service["metadata"]["labels"].items()
            for each in service["spec"]["ports"]
            if each["name"] == monitor["endpoints"][0]["port"]
        ]
        assert ports == [port]


def test_labels_choose_a_prometheus() -> None:
    manifests = render(PROFILE, 'monitoring.labels={"release": "prometheus"}')
    for each in manifests:
        if each["kind"] in ("ServiceMonitor", "PrometheusRule"):
            assert each["metadata"]["labels"]["release"] == "prometheus"


def test_alerts_ask_for_metrics_that_exist() -> None:
    known = {"up"} | {
        sample.name for family in Metrics().registry.collect() for sample in family.samples
    }
    # Those with labels have no samples yet, but their families have names.
    known |= {f"{family.name}_total" for family in Metrics().registry.collect()}
    (group,) = of_kind(render(PROFILE), "PrometheusRule")["spec"]["groups"]
    for rule in group["rules"]:
        names = set(re.findall(r"\b([a-z_:]+)\{", rule["expr"]))
        assert names, rule["alert"]
        assert names <= known, rule["alert"]
        assert 'job="test-metrics"' in rule["expr"]  # the Service's name
        assert rule["labels"]["severity"] in ("warning", "critical")
