"""What the policies let through, decided as Kubernetes does: what none allows is denied."""

from collections.abc import Sequence
from typing import Any

import pytest

from tests.k8s.conftest import Manifest, of_kind, render

COMPONENTS = ("gateway", "triton", "export", "training")


def chosen(selector: Manifest, component: str) -> bool:
    """Whether a pod selector chooses a component's pods."""
    labels = {
        "app.kubernetes.io/name": "likeness",
        "app.kubernetes.io/instance": "test",
        "app.kubernetes.io/component": component,
    }
    return selector.get("matchLabels", {}).items() <= labels.items() and all(
        labels[each["key"]] in each["values"] for each in selector.get("matchExpressions", ())
    )


def rules(manifests: Sequence[Manifest], component: str, direction: str) -> list[dict[str, Any]]:
    """All rules of one direction that hold for a component's pods."""
    return [
        rule
        for each in manifests
        if each["kind"] == "NetworkPolicy" and chosen(each["spec"]["podSelector"], component)
        for rule in each["spec"].get(direction, ())
    ]


def ports_from(manifests: Sequence[Manifest], component: str, caller: str) -> set[int]:
    """Ports at which a component may call another; 0: any."""
    return {
        port["port"]
        for rule in rules(manifests, component, "ingress")
        if any(
            chosen(peer["podSelector"], caller) for peer in rule["from"] if "podSelector" in peer
        )
        for port in rule.get("ports", [{"port": 0}])
    }


@pytest.mark.parametrize("component", COMPONENTS)
def test_everything_is_denied_first(component: str, profile: Sequence[Manifest]) -> None:
    policy = of_kind(profile, "NetworkPolicy", "test-all")["spec"]
    assert chosen(policy["podSelector"], component)
    assert policy["policyTypes"] == ["Ingress", "Egress"]
    assert "ingress" not in policy
    assert {each["port"] for rule in policy["egress"] for each in rule["ports"]} == {53}


def test_only_gateways_call_triton(profile: Sequence[Manifest]) -> None:
    assert ports_from(profile, "triton", "gateway") == {8001}
    for other in ("export", "training"):
        assert ports_from(profile, "triton", other) == set()


def test_nobody_calls_the_export(profile: Sequence[Manifest]) -> None:
    assert rules(profile, "export", "ingress") == []


def test_calls_come_to_envoy_only() -> None:
    assert 8443 in ports_from(render("values-production"), "gateway", "anybody")
    assert ports_from(render("values-cpu-demo"), "gateway", "anybody") == set()


@pytest.mark.parametrize(
    ("name", "ports"), [("values-production", {53}), ("everything", {53, 4318})]
)
def test_triton_goes_nowhere_but_to_the_collector(name: str, ports: set[int]) -> None:
    found = rules(render(name), "triton", "egress")
    assert {port["port"] for rule in found for port in rule["ports"]} == ports


def test_nodes_of_the_ray_cluster_reach_each_other() -> None:
    manifests = render("values-production")
    for one, other in (("gateway", "training"), ("training", "gateway"), ("training", "training")):
        assert 0 in ports_from(manifests, one, other)


def test_it_can_be_left_to_others() -> None:
    manifests = render("values", "networkPolicy.enabled=false")
    assert not any(each["kind"] == "NetworkPolicy" for each in manifests)
