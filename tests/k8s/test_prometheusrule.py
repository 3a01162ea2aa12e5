"""Rules that promtool has tested, for this release."""

import yaml

from deploy.monitoring.rules import FILE
from tests.k8s.conftest import of_kind, of_this_release, render

PROFILE = "values-production"


def test_the_rules_are_those_that_promtool_tests_for_this_release() -> None:
    manifests = render(PROFILE, 'monitoring.runbooks="https://runbooks.example/likeness/"')
    text = of_this_release(FILE.read_text())
    text = text.replace("docs/runbooks", "https://runbooks.example/likeness")
    assert of_kind(manifests, "PrometheusRule")["spec"] == yaml.safe_load(text)


def test_labels_choose_a_prometheus() -> None:
    rule = of_kind(render("everything"), "PrometheusRule")
    assert rule["metadata"]["labels"]["release"] == "prometheus"
