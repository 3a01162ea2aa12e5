"""Callers from outside, by the Gateway API."""

from typing import Any

import pytest

from tests.k8s.conftest import Manifest, of_kind, render

KINDS = ("TLSRoute", "GRPCRoute", "HTTPRoute")


def rendered(kind: str) -> list[Manifest]:
    return [
        each
        for each in render("everything", f'gateway.route.kind="{kind}"')
        if each["apiVersion"].startswith("gateway.networking.k8s.io/")
    ]


def test_there_is_none_unasked() -> None:
    for each in render("values-production"):
        assert not each["apiVersion"].startswith("gateway.networking.k8s.io/")


@pytest.mark.parametrize("kind", KINDS)
def test_it_leads_from_the_gateway_to_the_service(kind: str) -> None:
    spec: dict[str, Any] = of_kind(rendered(kind), kind)["spec"]
    assert spec["parentRefs"] == [
        {"name": "public", "namespace": "gateways", "sectionName": "https"}
    ]
    assert spec["hostnames"] == ["likeness.example"]
    ((backend,),) = (rule["backendRefs"] for rule in spec["rules"])
    service = of_kind(render("everything"), "Service", backend["name"])["spec"]
    assert backend["port"] in [each["port"] for each in service["ports"]]


@pytest.mark.parametrize("kind", KINDS)
def test_whoever_ends_tls_verifies_envoys_certificate(kind: str) -> None:
    policies = [each["spec"] for each in rendered(kind) if each["kind"] == "BackendTLSPolicy"]
    if kind == "TLSRoute":
        assert not policies
        return
    (policy,) = policies
    (target,) = policy["targetRefs"]
    service = of_kind(render("everything"), "Service", target["name"])["spec"]
    assert target["sectionName"] in [each["name"] for each in service["ports"]]
    (reference,) = policy["validation"]["caCertificateRefs"]
    assert (reference["kind"], reference["name"]) == ("ConfigMap", "likeness-ca")
    certificate = of_kind(render("everything"), "Certificate")["spec"]
    assert policy["validation"]["hostname"] in certificate["dnsNames"]


def test_no_proxy_cuts_a_long_call() -> None:
    (rule,) = of_kind(rendered("HTTPRoute"), "HTTPRoute")["spec"]["rules"]
    assert rule["timeouts"] == {"request": "0s"}
