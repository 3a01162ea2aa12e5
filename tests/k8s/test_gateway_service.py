"""The gateway's Services: one for callers, one without an address for Prometheus."""

import pytest

from tests.k8s.conftest import containers, of_kind, pods, render


@pytest.mark.parametrize(("profile_name", "port"), [("values", 8081), ("values-production", 443)])
def test_calls_are_taken_only_with_certificates(profile_name: str, port: int) -> None:
    manifests = render(profile_name)
    service = of_kind(manifests, "Service", "test")["spec"]
    assert [each["port"] for each in service["ports"]] == [port]
    labels = of_kind(manifests, "Deployment", "test")["spec"]["template"]["metadata"]["labels"]
    assert service["selector"].items() <= labels.items()


@pytest.mark.parametrize("name", ["test", "test-metrics"])
def test_its_ports_are_envoys(name: str) -> None:
    manifests = render("values-production")
    envoy = containers(pods(manifests)["Deployment/test"])["envoy"]
    open_ports = {each["containerPort"] for each in envoy["ports"]}
    service = of_kind(manifests, "Service", name)["spec"]
    assert {each["targetPort"] for each in service["ports"]} <= open_ports


def test_type_and_annotations_are_the_users() -> None:
    service = of_kind(
        render("everything", 'gateway.service.type="LoadBalancer"'), "Service", "test"
    )
    assert service["spec"]["type"] == "LoadBalancer"
    assert service["metadata"]["annotations"] == {"service.example/weight": "1"}
