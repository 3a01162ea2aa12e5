"""Gateways are scaled by CPU and, where the metric is at hand, by drawings under way."""

from service.metrics import Metrics
from tests.k8s.conftest import containers, of_kind, pods, render

KIND = "HorizontalPodAutoscaler"


def test_it_scales_the_gateway() -> None:
    manifests = render("values-production")
    spec = of_kind(manifests, KIND)["spec"]
    gateway = of_kind(manifests, "Deployment", "test")
    assert spec["scaleTargetRef"]["name"] == gateway["metadata"]["name"]
    assert "replicas" not in gateway["spec"]  # or each upgrade would set them back
    assert (spec["minReplicas"], spec["maxReplicas"]) == (2, 10)


def test_it_looks_at_the_gateways_cpu_not_at_what_runs_beside_it() -> None:
    manifests = render("values-production")
    (metric,) = of_kind(manifests, KIND)["spec"]["metrics"]
    assert metric["containerResource"]["name"] == "cpu"
    container = containers(pods(manifests)["Deployment/test"])[
        metric["containerResource"]["container"]
    ]
    assert "cpu" in container["resources"]["requests"]  # of which the target is a share


def test_it_looks_at_drawings_under_way() -> None:
    metric = of_kind(render("everything"), KIND)["spec"]["metrics"][1]["pods"]
    assert metric["target"] == {"type": "AverageValue", "averageValue": "4"}
    name = metric["metric"]["name"]
    assert Metrics().registry.get_sample_value(name) == 0  # one number a pod, without labels
